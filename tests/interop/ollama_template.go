// Renders templates as Ollama does, by Go's text/template: reads lines of JSON {"template", "messages"}, writes for
// each {"text"} or {"error"}. For ollama_templates.py.
package main

import (
	"bufio"
	"encoding/json"
	"os"
	"strings"
	"text/template"
)

type message struct{ Role, Content string }

type request struct {
	Template string
	Messages []message
}

func render(given request) (string, error) {
	parsed, err := template.New("").Parse(given.Template)
	if err != nil {
		return "", err
	}
	var text strings.Builder
	err = parsed.Execute(&text, map[string]any{"Messages": given.Messages})
	return text.String(), err
}

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(make([]byte, 1<<20), 1<<24)
	out := json.NewEncoder(os.Stdout)
	for in.Scan() {
		var given request
		if err := json.Unmarshal(in.Bytes(), &given); err != nil {
			panic(err)
		}
		text, err := render(given)
		if err != nil {
			out.Encode(map[string]string{"error": err.Error()})
		} else {
			out.Encode(map[string]string{"text": text})
		}
	}
}
