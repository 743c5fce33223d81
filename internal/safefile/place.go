package safefile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// maxLinks is the maximum number of links in a path, as in Linux.
const maxLinks = 40

// place is the place of a file, after all links in its path have been followed.
type place struct {
	path      string
	info      fs.FileInfo // nil if there is no file
	directory *shared     // the directory of the file, or nil if it is not shared
	kernel    bool        // path is in /proc: only the kernel can follow such a link
	given     bool        // the operator provides the file
}

// check refuses the file at a place if another user may have created it.
func (p *place) check(info fs.FileInfo) error {
	if p.kernel || info == nil {
		return nil
	}
	return p.directory.check(info, p.given)
}

// find follows the links in a path, one by one. It refuses a link that another user may have created. If links is
// false, it also refuses a link at the end of the path. The parameter given says that the operator provides the file.
// Errors name the path in the parameter.
func find(path string, links, given bool) (place, error) {
	p, err := walk(path, links)
	p.given = given
	if err == nil {
		err = p.check(p.info)
	}
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = e.Err
	}
	if err != nil {
		return p, pathError(path, err)
	}
	return p, nil
}

func walk(path string, links bool) (place, error) {
	if path == "" {
		return place{}, fs.ErrNotExist
	}
	at, rest := start(path)
	for followed := 0; ; {
		name, more, further := strings.Cut(rest, "/")
		if further && (name == "" || name == ".") {
			rest = more
			continue
		}
		here := filepath.Join(at, name) // at has no links, so this is right for ".." too
		info, err := os.Lstat(here)
		missing := errors.Is(err, fs.ErrNotExist)
		if missing && further {
			return place{path: here + "/" + more}, nil // opening this path tells that the directory does not exist
		}
		if err != nil && !missing {
			return place{}, err
		}
		isLink := !missing && info.Mode()&fs.ModeSymlink != 0
		if !isLink && further {
			at, rest = here, more
			continue
		}
		directory, failed := sharedDirectory(filepath.Dir(here))
		switch {
		case failed != nil:
			return place{}, failed
		case missing:
			return place{path: here, directory: directory}, nil
		case !isLink:
			return place{path: here, info: info, directory: directory}, nil
		case !links && !further:
			return place{}, fmt.Errorf("%w: it is a symbolic link; give the path of the file itself", ErrUnsafe)
		}
		if fault := directory.fault(info); fault != "" && further {
			return place{}, fmt.Errorf("%w: it leads over the symbolic link %s, which %s", ErrUnsafe, here, fault)
		} else if fault != "" {
			return place{}, fmt.Errorf("%w: it %s", ErrUnsafe, fault)
		}
		if at == "/proc" || strings.HasPrefix(at, "/proc/") {
			info, err := os.Stat(path)
			return place{path: path, info: info, kernel: true}, err
		}
		target, err := os.Readlink(here)
		if err != nil {
			return place{}, err
		}
		if followed++; followed > maxLinks {
			return place{}, unix.ELOOP
		}
		if further {
			target += "/" + more
		}
		if strings.HasPrefix(target, "/") {
			at = "/"
		}
		rest = strings.TrimLeft(target, "/")
	}
}

// start splits a path into the directory in which it begins, and the names after that.
func start(path string) (at, rest string) {
	if strings.HasPrefix(path, "/") {
		return "/", strings.TrimLeft(path, "/")
	}
	return ".", path
}
