package kubernetes

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
)

// keysPath is the path of the file with keys in both pods.
const keysPath = "/run/statsd-keys/keys"

// The network policy allows only the daemons on the nodes to connect to the port of the central
// daemon. The Service has the same port.
func TestCollectPort(t *testing.T) {
	var open []networking.NetworkPolicyIngressRule
	service := false
	for _, object := range decode(t) {
		switch o := object.(type) {
		case *networking.NetworkPolicy:
			for _, rule := range o.Spec.Ingress {
				if slices.ContainsFunc(rule.Ports, func(p networking.NetworkPolicyPort) bool { return p.Port.StrVal == "collect" }) {
					open = append(open, rule)
				}
			}
		case *core.Service:
			service = service || o.Name == "statsd-central" && slices.ContainsFunc(o.Spec.Ports, func(p core.ServicePort) bool { return p.Port == 8127 })
		case *apps.Deployment:
			if *o.Spec.Replicas != 1 || o.Spec.Strategy.Type != apps.RecreateDeploymentStrategyType {
				t.Errorf("%d daemons may hold the spool, strategy %s", *o.Spec.Replicas, o.Spec.Strategy.Type)
			}
		}
	}
	if !service {
		t.Error("the Service does not lead to port 8127, where the nodes forward")
	}
	if len(open) != 1 || len(open[0].From) != 1 || open[0].From[0].PodSelector == nil || open[0].From[0].NamespaceSelector != nil {
		t.Fatalf("the rules for the port are %+v", open)
	}
	node := pods(t)[1]
	wantSelected(t, "the rule", open[0].From[0].PodSelector.MatchLabels, node.Labels)
	if slices.ContainsFunc(node.Spec.Containers[0].Ports, func(p core.ContainerPort) bool { return p.Name == "collect" }) {
		t.Error("a node has the port of the central one")
	}
}

// Both pods copy the keys to a file that only the daemon can read. The copy is necessary because
// fsGroup gives the files of a Secret a mode that the daemon refuses.
func TestKeys(t *testing.T) {
	for _, pod := range pods(t) {
		volumes := map[string]core.Volume{}
		for _, v := range pod.Spec.Volumes {
			volumes[v.Name] = v
		}
		if secret := volumes["secret"].Secret; secret == nil || secret.SecretName != "statsd-keys" || *secret.DefaultMode != 0o400 {
			t.Errorf("the Secret is %+v", secret)
		}
		if copied := volumes["keys"].EmptyDir; copied == nil || copied.Medium != core.StorageMediumMemory {
			t.Errorf("the copy is in %+v", volumes["keys"])
		}
		i := slices.IndexFunc(pod.Spec.InitContainers, func(c core.Container) bool { return c.Name == "keys" })
		if i < 0 {
			t.Fatal("no init container copies the keys")
		}
		c := pod.Spec.InitContainers[i]
		if got := strings.Join(c.Command, " "); got != "sh -c umask 077 && cp -f /secret/keys "+keysPath || c.SecurityContext.RunAsUser != nil {
			t.Errorf("the keys are copied with %s, by %v", got, c.SecurityContext.RunAsUser)
		}
		wantMount(t, c, "secret", "/secret")
		wantMount(t, c, "keys", filepath.Dir(keysPath))
		wantMount(t, pod.Spec.Containers[0], "keys", filepath.Dir(keysPath))
		if slices.ContainsFunc(pod.Spec.Containers[0].VolumeMounts, func(m core.VolumeMount) bool { return m.Name == "secret" }) {
			t.Error("the daemon sees the Secret")
		}
	}
}

// wantMount checks that a container mounts a volume at a path.
func wantMount(t *testing.T, c core.Container, volume, path string) {
	t.Helper()
	if !slices.ContainsFunc(c.VolumeMounts, func(m core.VolumeMount) bool { return m.Name == volume && m.MountPath == path }) {
		t.Errorf("%s does not mount %s at %s", c.Name, volume, path)
	}
}

// After a rollout, the daemon of a node has the same name and the same spool as before. So it
// continues to send the waiting rows.
func TestNodeStays(t *testing.T) {
	node := pods(t)[1]
	c := node.Spec.Containers[0]
	if !slices.ContainsFunc(c.Env, func(e core.EnvVar) bool {
		return e.Name == "STATSD_DAEMON_FORWARD_ID" && e.ValueFrom.FieldRef.FieldPath == "spec.nodeName"
	}) {
		t.Errorf("the name in the cluster is not the name of the node: %+v", c.Env)
	}
	wantMount(t, c, "state", "/var/lib/statsd")
	for _, v := range node.Spec.Volumes {
		if v.Name == "state" && v.HostPath == nil {
			t.Errorf("the spool ends with the pod: %+v", v)
		}
	}
}
