// Package kubernetes tests the manifests. It finds misspelled fields, and checks that the daemon
// accepts the configurations in the manifests.
package kubernetes

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	"sigs.k8s.io/yaml"
)

// kinds makes an empty object for each kind of object in the manifests.
var kinds = map[string]func() any{
	"v1/ConfigMap":                       func() any { return &core.ConfigMap{} },
	"v1/PersistentVolumeClaim":           func() any { return &core.PersistentVolumeClaim{} },
	"v1/Service":                         func() any { return &core.Service{} },
	"apps/v1/DaemonSet":                  func() any { return &apps.DaemonSet{} },
	"apps/v1/Deployment":                 func() any { return &apps.Deployment{} },
	"networking.k8s.io/v1/NetworkPolicy": func() any { return &networking.NetworkPolicy{} },
}

// decode reads all objects in the manifests. It fails the test if an object has an unknown field.
func decode(t *testing.T) (objects []any) {
	t.Helper()
	files, err := filepath.Glob("*.yaml")
	if err != nil || len(files) < 3 {
		t.Fatalf("manifests: %q, %v", files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for document := range strings.SplitSeq(string(text), "\n---\n") {
			objects = append(objects, decodeOne(t, file, document))
		}
	}
	return objects
}

func decodeOne(t *testing.T, file, document string) any {
	t.Helper()
	var head struct{ APIVersion, Kind string }
	if err := yaml.Unmarshal([]byte(document), &head); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	empty := kinds[head.APIVersion+"/"+head.Kind]
	if empty == nil {
		t.Fatalf("%s: a %s/%s is not known here", file, head.APIVersion, head.Kind)
	}
	object := empty()
	if err := yaml.UnmarshalStrict([]byte(document), object); err != nil {
		t.Fatalf("%s, %s: %v", file, head.Kind, err)
	}
	return object
}

// pods returns the pod templates in the manifests.
func pods(t *testing.T) (all []core.PodTemplateSpec) {
	for _, object := range decode(t) {
		switch o := object.(type) {
		case *apps.DaemonSet:
			all = append(all, o.Spec.Template)
			wantSelected(t, o.Name, o.Spec.Selector.MatchLabels, o.Spec.Template.Labels)
		case *apps.Deployment:
			all = append(all, o.Spec.Template)
			wantSelected(t, o.Name, o.Spec.Selector.MatchLabels, o.Spec.Template.Labels)
		}
	}
	if len(all) != 2 {
		t.Fatalf("%d pods", len(all))
	}
	return all
}

// wantSelected checks that labels include all labels of a selector.
func wantSelected(t *testing.T, name string, selector, labels map[string]string) {
	t.Helper()
	for key, value := range selector {
		if labels[key] != value {
			t.Errorf("%s selects %s=%s, the pod has %q", name, key, value, labels[key])
		}
	}
}

// decode is strict: it fails where kubectl only prints a warning.
func TestStrict(t *testing.T) {
	decode(t)
	const typo = "apiVersion: v1\nkind: Service\nspec: {portz: []}\n"
	if err := yaml.UnmarshalStrict([]byte(typo), &core.Service{}); err == nil {
		t.Error("a typo is not found")
	}
}

// The ports, probes, volumes and annotations of each pod are consistent.
func TestPods(t *testing.T) {
	for _, pod := range pods(t) {
		c := pod.Spec.Containers[0]
		ports := map[string]core.ContainerPort{}
		for _, p := range c.Ports {
			ports[p.Name] = p
		}
		if p := ports["statsd-udp"]; p.ContainerPort != 8125 || p.Protocol != core.ProtocolUDP {
			t.Errorf("the UDP port is %+v", p)
		}
		if ports["monitor"].ContainerPort != 8135 || pod.Annotations["prometheus.io/port"] != "8135" || pod.Annotations["prometheus.io/path"] != "/metrics" {
			t.Errorf("the monitor's ports are %+v and %v", ports["monitor"], pod.Annotations)
		}
		for path, probe := range map[string]*core.Probe{"/livez": c.LivenessProbe, "/readyz": c.ReadinessProbe} {
			if get := probe.HTTPGet; get.Path != path || get.Port.StrVal != "monitor" {
				t.Errorf("the probe of %s is %+v", path, get)
			}
		}
		for _, mount := range c.VolumeMounts {
			if !slices.ContainsFunc(pod.Spec.Volumes, func(v core.Volume) bool { return v.Name == mount.Name }) {
				t.Errorf("the volume %s does not exist", mount.Name)
			}
		}
		if s := c.SecurityContext; s == nil || !*s.ReadOnlyRootFilesystem || *s.AllowPrivilegeEscalation || !*pod.Spec.SecurityContext.RunAsNonRoot {
			t.Error("the container may write to its root, or become root")
		}
		if *pod.Spec.EnableServiceLinks {
			t.Error("the variables of services look like settings")
		}
		if *pod.Spec.TerminationGracePeriodSeconds <= 5 {
			t.Error("the pod is killed before --grace is over")
		}
	}
}

// The ports of the Service are ports of the central pod.
func TestService(t *testing.T) {
	central := pods(t)[0]
	for _, object := range decode(t) {
		service, ok := object.(*core.Service)
		if !ok {
			continue
		}
		wantSelected(t, service.Name, service.Spec.Selector, central.Labels)
		for _, p := range service.Spec.Ports {
			if !slices.ContainsFunc(central.Spec.Containers[0].Ports, func(c core.ContainerPort) bool {
				return c.Name == p.TargetPort.StrVal && c.ContainerPort == p.Port
			}) {
				t.Errorf("port %s leads nowhere", p.Name)
			}
		}
	}
}

// The daemon accepts each configuration in the manifests without a warning. The last line of
// --check-config says what the daemon does with this configuration.
func TestConfigurations(t *testing.T) {
	does := map[string]string{
		"statsd-central": "collects from statsd://:8127?keys=KEYS, and publishes to graphite every 10s",
		"statsd-node":    "forwards to statsd://statsd-central:8127?keys=KEYS every 10s",
	}
	keys := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(keys, []byte(strings.Repeat("k", 64)+"\n"), 0o400); err != nil {
		t.Fatal(err)
	}
	envs := environments(t)
	for _, object := range decode(t) {
		config, ok := object.(*core.ConfigMap)
		if !ok {
			continue
		}
		path := filepath.Join(t.TempDir(), "statsd.conf")
		text := strings.ReplaceAll(config.Data["statsd.conf"], keysPath, keys)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var warnings bytes.Buffer
		cmd := exec.Command("go", "run", "./cmd/statsd", "--config", path, "--check-config")
		cmd.Dir, cmd.Stderr = "../..", &warnings
		// The machine may allow fewer open files than the default number of connections needs.
		cmd.Env = append(os.Environ(), "STATSD_DAEMON_MAX_TCP_CONNECTIONS=100")
		cmd.Env = append(cmd.Env, envs[config.Name]...)
		out, err := cmd.Output()
		want := "# valid: statsd " + strings.ReplaceAll(does[config.Name], "KEYS", keys) + "\n"
		if err != nil || warnings.Len() > 0 || !strings.HasSuffix(string(out), "\n"+want) {
			t.Errorf("%s: %v\n%s%s\nwant %s", config.Name, err, out, &warnings, want)
		}
		delete(does, config.Name)
	}
	if len(does) > 0 {
		t.Errorf("no configuration of %v", does)
	}
}

// environments returns, for each configuration, the settings that its pod gets from environment
// variables. A variable with a reference to a field gets the value worker-1, because the kubelet
// would also replace the reference.
func environments(t *testing.T) map[string][]string {
	all := map[string][]string{}
	for _, pod := range pods(t) {
		i := slices.IndexFunc(pod.Spec.Volumes, func(v core.Volume) bool { return v.Name == "config" })
		name := pod.Spec.Volumes[i].ConfigMap.Name
		for _, e := range pod.Spec.Containers[0].Env {
			switch {
			case !strings.HasPrefix(e.Name, "STATSD_DAEMON_"):
			case e.ValueFrom != nil:
				all[name] = append(all[name], e.Name+"=worker-1")
			// --check-config would warn that others can reach the monitor. The test leaves out the variable, because
			// networkpolicy.yaml restricts access to the monitor.
			case e.Name != "STATSD_DAEMON_MONITOR_HOST":
				all[name] = append(all[name], e.Name+"="+e.Value)
			}
		}
	}
	return all
}
