package statvent

// std is the default Registry, which all packages of a program share.
var std Registry

// Default is the Registry that the functions of this package use.
func Default() *Registry { return &std }

// Incr calls Registry.Incr of the default Registry.
func Incr(name string, delta int64) { std.Incr(name, delta) }

// IncrFloat calls Registry.IncrFloat of the default Registry.
func IncrFloat(name string, delta float64) { std.IncrFloat(name, delta) }

// Set calls Registry.Set of the default Registry.
func Set(name string, value int64) { std.Set(name, value) }

// SetFloat calls Registry.SetFloat of the default Registry.
func SetFloat(name string, value float64) { std.SetFloat(name, value) }

// Record calls Registry.Record of the default Registry.
func Record(name string, sample float64) { std.Record(name, sample) }

// RecordFunc calls Registry.RecordFunc of the default Registry.
func RecordFunc(name string, sample float64, label LabelFunc) { std.RecordFunc(name, sample, label) }

// All calls Registry.All of the default Registry.
func All() map[string]Value { return std.All() }
