package metric

// Reason is the reason why a sample was discarded. The zero value means that the sample was not
// discarded.
type Reason uint8

// The reasons, in the order in which they are listed in reports.
const (
	None          Reason = iota
	EmptyName            // the name is empty after cleaning
	BadName              // the name is not valid UTF-8, and names are not cleaned
	NoValue              // the value is missing, or the member of a set is empty
	BadValue             // the value is not a finite decimal number
	BadType              // the type is missing or unknown
	BadRate              // the sample rate is not a number in (0, 1]
	BadTags              // the sample has tags in two styles, or tags that are not valid UTF-8
	TooLong              // the line or the name is longer than the limit
	Unfinished           // the connection ended inside the line
	RefusedName          // the name is new, and the table is full
	RefusedMember        // the set member is new, and the set is full
	RefusedMuted         // an operator has muted the name
	DroppedByRule        // a rule drops the name
	Reasons       = 14   // length of arrays indexed by Reason
)

var reasonNames = [Reasons]string{"", "empty_name", "bad_name", "no_value", "bad_value", "bad_type", "bad_rate", "bad_tags", "too_long", "unfinished", "refused_name", "refused_member", "refused_muted", "dropped_by_rule"}

// Refusal reports whether r is a reason to refuse a valid sample: a limit, a mute, or a rule.
func (r Reason) Refusal() bool { return r >= RefusedName && r <= DroppedByRule }

// String returns the name of the reason in metrics and logs, such as bad_value.
func (r Reason) String() string {
	if int(r) < len(reasonNames) {
		return reasonNames[r]
	}
	return "unknown"
}
