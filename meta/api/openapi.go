package api

import (
	"cmp"
	"encoding/json"
	"net/http"
	"reflect"
	"strings"

	"github.com/statsd-ops/statsd/meta/access"
	"github.com/statsd-ops/statsd/meta/question"
)

// object is a JSON object.
type object = map[string]any

// describe returns the OpenAPI description of all paths. It is made from the queries and changes,
// and from the types of their answers.
func (a *API) describe() []byte {
	s := schemas{defined: object{}}
	s.of(reflect.TypeFor[failure]())
	paths := object{}
	for _, name := range a.names {
		paths[Root+name] = a.describePath(&s, a.paths[name])
	}
	text, _ := json.Marshal(object{ // never fails, because all values can be encoded
		"openapi": "3.1.0",
		"info": object{
			"title": "statsd", "version": "1",
			"description": "What a running statsd reports about itself, and what can be changed in it. Later versions only add fields.",
		},
		"servers": []any{object{"url": "/"}},
		"paths":   paths,
		"components": object{
			"schemas":         s.defined,
			"securitySchemes": object{"token": object{"type": "http", "scheme": "bearer"}},
		},
	})
	return append(text, '\n')
}

func (a *API) describePath(s *schemas, p *path) object {
	operation := object{"operationId": cmp.Or(strings.ReplaceAll(p.name, "/", "_"), "index")}
	switch p.need {
	case access.Changing:
		operation["security"] = []any{object{"token": []any{}}}
	case access.Reading, access.Guarded:
		operation["security"] = []any{object{}, object{"token": []any{}}}
	}
	switch {
	case p.change != nil:
		operation["summary"] = p.change.Help
		operation["requestBody"] = object{"required": true, "content": object{"application/json": object{"schema": bodySchema(p.change.Parameters)}}}
		operation["responses"] = responses(s, jsonOf(s, reflect.TypeOf(p.change.Answer)))
		return object{"post": operation}
	case p.question != nil:
		operation["summary"] = p.question.Help
		operation["parameters"] = queryParameters(p.question.Parameters)
		content := jsonOf(s, reflect.TypeOf(p.question.Answer))
		if p.question.Stream != nil {
			content[eventType] = object{"schema": object{"type": "string"}}
		}
		operation["responses"] = responses(s, content)
	default:
		operation["summary"] = ownHelp[p.name]
		operation["responses"] = responses(s, ownContent(s, p.name))
	}
	return object{"get": operation}
}

// ownContent describes the answers of the API's paths that are not queries.
func ownContent(s *schemas, name string) object {
	switch name {
	case "live":
		return object{eventType: object{"schema": object{"type": "string"}}}
	case "":
		return jsonOf(s, reflect.TypeFor[[]indexed]())
	}
	return object{"application/json": object{"schema": object{"type": "object"}}}
}

// jsonOf describes an answer whose data has the given type.
func jsonOf(s *schemas, data reflect.Type) object {
	all := s.members(reflect.TypeFor[frame]())
	properties := all["properties"].(object)
	properties["data"] = s.of(data)
	return object{"application/json": object{"schema": all}}
}

func responses(s *schemas, content object) object {
	failed := object{"description": "an error", "content": object{"application/json": object{"schema": s.of(reflect.TypeFor[failure]())}}}
	return object{"200": object{"description": http.StatusText(http.StatusOK), "content": content}, "default": failed}
}

func queryParameters(parameters []question.Parameter) []any {
	all := []any{}
	for i := range parameters {
		p := &parameters[i]
		all = append(all, object{"name": p.Name, "in": "query", "required": p.Required, "description": p.Help, "schema": parameterSchema(p)})
	}
	return all
}

func bodySchema(parameters []question.Parameter) object {
	properties, required := object{}, []string{}
	for i := range parameters {
		p := &parameters[i]
		schema := parameterSchema(p)
		schema["description"] = p.Help
		properties[p.Name] = schema
		if p.Required {
			required = append(required, p.Name)
		}
	}
	return object{"type": "object", "properties": properties, "required": required, "additionalProperties": false}
}

func parameterSchema(p *question.Parameter) object {
	schema := object{}
	switch p.Kind {
	case question.Int:
		schema["type"], schema["minimum"], schema["maximum"] = "integer", p.Min, p.Max
	case question.Bool:
		schema["type"] = "boolean"
	default:
		schema["type"] = "string"
		schema["minLength"], schema["maxLength"] = p.Min, cmp.Or(p.Max, question.MaxText)
		if len(p.Choices) > 0 {
			schema["enum"] = p.Choices
		}
	}
	if p.Default != nil {
		schema["default"] = p.Default
	}
	return schema
}
