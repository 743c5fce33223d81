package metric

// Reason is why a sample was discarded. The zero Reason means that it was not discarded.
type Reason uint8

// The reasons, in the order of reports.
const (
	None          Reason = iota
	EmptyName            // the name is empty after cleaning
	BadName              // the name is not valid UTF-8, and names are kept as sent
	NoValue              // no value, or an empty member of a set
	BadValue             // not a finite decimal number
	BadType              // no type, or an unknown one
	BadRate              // a sample rate that is not a number in (0, 1]
	BadTags              // tags in two styles, or tags that are not valid UTF-8
	TooLong              // the line or the name is longer than its limit
	Unfinished           // the stream ended inside the line
	RefusedName          // the name is new, and the table is full
	RefusedMember        // the set member is new, and the set is full
	RefusedMuted         // an operator has muted the name
	DroppedByRule        // a rule drops the name
	Reasons       = 14   // the number of reasons, for arrays with an element for each Reason
)

var reasonNames = [Reasons]string{"", "empty_name", "bad_name", "no_value", "bad_value", "bad_type", "bad_rate", "bad_tags", "too_long", "unfinished", "refused_name", "refused_member", "refused_muted", "dropped_by_rule"}

// Refusal reports whether the sample was good, but over a limit, muted, or dropped by a rule.
func (r Reason) Refusal() bool { return r >= RefusedName && r <= DroppedByRule }

// String returns the reason as it is written in figures and logs: bad_value.
func (r Reason) String() string {
	if int(r) < len(reasonNames) {
		return reasonNames[r]
	}
	return "unknown"
}
