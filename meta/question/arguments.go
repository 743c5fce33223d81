package question

import (
	"slices"
	"strconv"
	"strings"
)

// MaxText is the maximum length in bytes of a Text whose Parameter has no Max.
const MaxText = 1024

// Arguments are the checked values of all Parameters. A parameter that was not given has its
// default value.
type Arguments map[string]any

// Text returns the value of a Text parameter.
func (a Arguments) Text(name string) string { s, _ := a[name].(string); return s }

// Int returns the value of an Int parameter.
func (a Arguments) Int(name string) int { n, _ := a[name].(int); return n }

// Bool returns the value of a Bool parameter.
func (a Arguments) Bool(name string) bool { b, _ := a[name].(bool); return b }

// Check checks the given values and returns them as Arguments. The values are strings, ints, bools,
// or float64s without a fraction. Strings are converted to the Kind of the Parameter. The error is
// an *Error that names the parameter.
func Check(parameters []Parameter, given map[string]any) (Arguments, error) {
	for name := range given {
		known := func(p Parameter) bool { return p.Name == name }
		if !slices.ContainsFunc(parameters, known) {
			return nil, Errorf(BadParameter, name, "unknown parameter %+.40q: give %s", name, names(parameters))
		}
	}
	args := make(Arguments, len(parameters))
	for _, p := range parameters {
		v, ok := given[p.Name]
		if !ok {
			if p.Required {
				return nil, Errorf(BadParameter, p.Name, "%s is missing: %s", p.Name, p.Help)
			}
			args[p.Name] = p.Default
			continue
		}
		checked, err := p.check(v)
		if err != nil {
			return nil, err
		}
		args[p.Name] = checked
	}
	return args, nil
}

// names returns the names of all parameters, for an error.
func names(parameters []Parameter) string {
	if len(parameters) == 0 {
		return "no parameters"
	}
	list := make([]string, len(parameters))
	for i, p := range parameters {
		list[i] = p.Name
	}
	return strings.Join(list, ", ")
}

func (p Parameter) check(v any) (any, error) {
	switch p.Kind {
	case Int:
		return p.checkInt(v)
	case Bool:
		if b, ok := v.(bool); ok {
			return b, nil
		}
		if s, ok := v.(string); ok {
			if b, err := strconv.ParseBool(s); err == nil {
				return b, nil
			}
		}
		return nil, Errorf(BadParameter, p.Name, "%s: must be true or false", p.Name)
	default:
		return p.checkText(v)
	}
}

func (p Parameter) checkInt(v any) (any, error) {
	n, ok := v.(int)
	if f, is := v.(float64); is && f == float64(int(f)) {
		n, ok = int(f), true
	}
	if s, is := v.(string); is {
		parsed, err := strconv.Atoi(s)
		n, ok = parsed, err == nil
	}
	if !ok || n < p.Min || n > p.Max {
		return nil, Errorf(BadParameter, p.Name, "%s: must be a whole number from %d to %d", p.Name, p.Min, p.Max)
	}
	return n, nil
}

func (p Parameter) checkText(v any) (any, error) {
	s, ok := v.(string)
	if !ok {
		return nil, Errorf(BadParameter, p.Name, "%s: must be text", p.Name)
	}
	limit := p.Max
	if limit == 0 {
		limit = MaxText
	}
	if len(s) > limit {
		return nil, Errorf(BadParameter, p.Name, "%s: may have at most %d bytes", p.Name, limit)
	}
	if len(s) < p.Min {
		return nil, Errorf(BadParameter, p.Name, "%s is too short: give %s", p.Name, p.Help)
	}
	if len(p.Choices) > 0 && !slices.Contains(p.Choices, s) {
		return nil, Errorf(BadParameter, p.Name, "%s: must be one of %s", p.Name, strings.Join(p.Choices, ", "))
	}
	return s, nil
}
