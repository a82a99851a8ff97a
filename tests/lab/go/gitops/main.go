// Command gitops judges objects as the tools of GitOps do: by the kstatus code of Flux, and by a health
// script in the Lua of Argo CD.
//
//	gitops kstatus <objects      # Current, InProgress, Failed or Terminating, one line an object
//	gitops lua FILE <objects     # Healthy, Progressing, Degraded or Suspended, one line an object
//
// Objects are JSON, one after the other. Each line goes on with the message.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	kubernetes "k8s.io/apimachinery/pkg/util/json"
)

func main() {
	if err := judge(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "gitops:", err)
		os.Exit(1)
	}
}

func judge(arguments []string) error {
	var verdict func(map[string]any) (string, string, error)
	switch {
	case len(arguments) == 1 && arguments[0] == "kstatus":
		verdict = byKstatus
	case len(arguments) == 2 && arguments[0] == "lua":
		script, err := os.ReadFile(arguments[1])
		if err != nil {
			return err
		}
		verdict = func(object map[string]any) (string, string, error) { return byLua(string(script), object) }
	default:
		return errors.New("usage: gitops kstatus | gitops lua FILE")
	}
	decoder := json.NewDecoder(os.Stdin)
	for {
		var raw json.RawMessage
		if err := decoder.Decode(&raw); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		var object map[string]any
		// Kubernetes has whole numbers where JSON alone has none.
		if err := kubernetes.Unmarshal(raw, &object); err != nil {
			return err
		}
		word, message, err := verdict(object)
		if err != nil {
			return err
		}
		fmt.Println(word, strings.ReplaceAll(message, "\n", " "))
	}
}

func byKstatus(object map[string]any) (string, string, error) {
	result, err := status.Compute(&unstructured.Unstructured{Object: object})
	if err != nil {
		return "", "", err
	}
	return result.Status.String(), result.Message, nil
}

// byLua runs a script as Argo CD does: the object is the global obj, and only harmless libraries are there.
func byLua(script string, object map[string]any) (string, string, error) {
	machine := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer machine.Close()
	for _, library := range []struct {
		name string
		open lua.LGFunction
	}{
		{lua.LoadLibName, lua.OpenPackage},
		{lua.BaseLibName, lua.OpenBase},
		{lua.TabLibName, lua.OpenTable},
		{lua.StringLibName, lua.OpenString},
		{lua.MathLibName, lua.OpenMath},
	} {
		call := lua.P{Fn: machine.NewFunction(library.open), NRet: 0, Protect: true}
		if err := machine.CallByParam(call, lua.LString(library.name)); err != nil {
			return "", "", err
		}
	}
	machine.SetGlobal("obj", value(machine, object))
	if err := machine.DoString(script); err != nil {
		return "", "", err
	}
	health, ok := machine.Get(-1).(*lua.LTable)
	if !ok {
		return "", "", errors.New("the script returns no table")
	}
	return health.RawGetString("status").String(), health.RawGetString("message").String(), nil
}

func value(machine *lua.LState, any_ any) lua.LValue {
	switch it := any_.(type) {
	case bool:
		return lua.LBool(it)
	case int64:
		return lua.LNumber(it)
	case float64:
		return lua.LNumber(it)
	case string:
		return lua.LString(it)
	case []any:
		table := machine.NewTable()
		for _, each := range it {
			table.Append(value(machine, each))
		}
		return table
	case map[string]any:
		table := machine.NewTable()
		for name, each := range it {
			table.RawSetString(name, value(machine, each))
		}
		return table
	}
	return lua.LNil
}
