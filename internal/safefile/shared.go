package safefile

import (
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// shared is a directory in which a user other than root and the user of this process can create or
// replace files.
type shared struct {
	why   string
	owner uint32 // the only user, apart from root and the user of this process, who can do so; see alone
	alone bool   // whether owner is the only such user
}

const (
	groupWrite  = 0o020
	othersWrite = 0o002
)

// sharedDirectory returns nil if only root and the user of this process can create or replace files
// in the directory at path.
func sharedDirectory(path string) (*shared, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	stat, mode := ownerOf(info), info.Mode().Perm()
	switch {
	case mode&othersWrite != 0:
		return &shared{why: "a directory that every user can write to"}, nil
	case mode&groupWrite != 0 && stat.Gid != 0 && !isPrivate(stat.Gid):
		return &shared{why: fmt.Sprintf("a directory that group %d can write to", stat.Gid)}, nil
	case !trusted(stat.Uid):
		return &shared{why: fmt.Sprintf("a directory of user %d", stat.Uid), owner: stat.Uid, alone: true}, nil
	}
	return nil, nil
}

// check refuses a file that another user may have created. The parameter given says that the operator provides the file.
// If only one user can write to the directory, the operator has chosen a file of this user.
func (s *shared) check(info fs.FileInfo, given bool) error {
	if given && s != nil && s.alone && info.Mode().IsRegular() && info.Mode().Perm()&(groupWrite|othersWrite) == 0 &&
		ownerOf(info).Uid == s.owner && ownerOf(info).Nlink == 1 {
		return nil
	}
	if fault := s.fault(info); fault != "" {
		return fmt.Errorf("%w: it %s", ErrUnsafe, fault)
	}
	return nil
}

// fault says why another user may have created a file or link, or returns "".
func (s *shared) fault(info fs.FileInfo) string {
	stat := ownerOf(info)
	switch {
	case s == nil:
		return ""
	case !trusted(stat.Uid):
		return fmt.Sprintf("belongs to user %d, in %s: there, only root or the daemon's user (%d) may own it", stat.Uid, s.why, os.Geteuid())
	case info.Mode().IsRegular() && stat.Nlink > 1:
		return fmt.Sprintf("also has another name (a hard link), in %s: replace it by a copy", s.why)
	}
	return ""
}

// trusted reports whether files of a user do no harm: root can do everything anyway.
func trusted(uid uint32) bool { return uid == 0 || int64(uid) == int64(os.Geteuid()) }

// isPrivate reports whether only the user of this process is in a group.
func isPrivate(gid uint32) bool {
	if int64(gid) != int64(os.Getegid()) {
		return false
	}
	users, _ := os.ReadFile("/etc/passwd") // a container may have no such files
	groups, _ := os.ReadFile("/etc/group")
	return onlyMember(os.Geteuid(), int(gid), string(users), string(groups))
}

// onlyMember reports whether the group is the private group of the user: it has the name or the
// number of the user, and no other user is in it. The parameters users and groups are the content of
// /etc/passwd and /etc/group. Other sources of users, such as LDAP, are not asked.
func onlyMember(uid, gid int, users, groups string) bool {
	var name string
	for user := range entries(users, 4) { // name:password:uid:gid
		switch {
		case user[2] == strconv.Itoa(uid) && name == "":
			name = user[0]
		case user[3] == strconv.Itoa(gid) && user[2] != strconv.Itoa(uid):
			return false
		}
	}
	private := gid == uid
	for group := range entries(groups, 4) { // name:password:gid:members
		if group[2] != strconv.Itoa(gid) {
			continue
		}
		private = private || name != "" && group[0] == name
		others := func(member string) bool { return member != "" && member != name }
		if slices.ContainsFunc(strings.Split(group[3], ","), others) {
			return false
		}
	}
	return private
}

// entries yields the fields of each line with at least n fields.
func entries(text string, n int) func(yield func([]string) bool) {
	return func(yield func([]string) bool) {
		for line := range strings.Lines(text) {
			if fields := strings.Split(strings.TrimSpace(line), ":"); len(fields) >= n && !yield(fields) {
				return
			}
		}
	}
}

func ownerOf(info fs.FileInfo) *syscall.Stat_t { return info.Sys().(*syscall.Stat_t) }
