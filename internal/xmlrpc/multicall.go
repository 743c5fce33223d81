package xmlrpc

import (
	"context"
	"time"
)

const (
	multicall = "system.multicall"
	// maxCalls is the maximum number of calls in a multicall.
	maxCalls = 32
)

// multicall executes each call only when its result is about to be sent. Memory is then needed for
// one result at a time.
func (m *Mux) multicall(ctx context.Context, params []Value) (Value, error) {
	calls := params[0].(Array)
	if len(calls) > maxCalls {
		return nil, faultf(InvalidParams, "%s takes at most %d calls, not %d", multicall, maxCalls, len(calls))
	}
	return Stream(func(yield func(Value) bool) {
		for _, v := range calls {
			if !yield(m.oneOf(ctx, v)) {
				return
			}
		}
	}), nil
}

// oneOf executes one call of a multicall.
func (m *Mux) oneOf(ctx context.Context, v Value) Value {
	request, _ := v.(Struct)
	name, ok := request.Get("methodName").(String)
	if !ok {
		return faultf(InvalidParams, "%s takes structs with the members methodName and params", multicall).value()
	}
	if name == multicall {
		return faultf(InvalidParams, "%s inside %s is not allowed", multicall, multicall).value()
	}
	params, _ := request.Get("params").(Array) // some clients omit params if it is empty
	result, fault := m.call(ctx, call{method: string(name), params: params}, func(d time.Duration) error {
		if d == 0 {
			return nil
		}
		return faultf(InvalidParams, "%s waits for %v, which is not allowed inside %s", name, d, multicall)
	})
	if fault != nil {
		return fault.value()
	}
	return Array{result}
}
