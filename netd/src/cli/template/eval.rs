//! Turns a parsed template and a value into text.

use super::{Expression, Node, invalid};
use crate::error::Result;
use serde_json::Value;

pub(super) fn render(nodes: &[Node], value: &Value) -> Result<String> {
    let mut scope = Scope { dot: value.clone(), variables: vec![(String::new(), value.clone())] };
    let mut text = String::new();
    scope.render(nodes, &mut text)?;
    Ok(text)
}

/// What `.` and the variables are; the variable without a name is the whole value.
#[derive(Clone)]
struct Scope {
    dot: Value,
    variables: Vec<(String, Value)>,
}

impl Scope {
    fn render(&mut self, nodes: &[Node], text: &mut String) -> Result<()> {
        for node in nodes {
            match node {
                Node::Text(literal) => text.push_str(literal),
                Node::Print(expression) => text.push_str(&show(&self.value(expression)?)),
                Node::If { condition, then, otherwise } => {
                    let holds = is_true(&self.value(condition)?);
                    self.render(if holds { then } else { otherwise }, text)?;
                }
                Node::Range { names, over, body, otherwise } => {
                    let items = items(self.value(over)?)?;
                    if items.is_empty() {
                        self.render(otherwise, text)?;
                    }
                    for (key, value) in items {
                        self.inside(names, key, value).render(body, text)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// The scope of one turn of a range.
    fn inside(&self, names: &[String], key: Value, value: Value) -> Self {
        let mut scope = Self { dot: value.clone(), variables: self.variables.clone() };
        match names {
            [one] => scope.variables.push((one.clone(), value)),
            [first, second] => {
                scope.variables.push((first.clone(), key));
                scope.variables.push((second.clone(), value));
            }
            _ => {}
        }
        scope
    }

    fn value(&self, expression: &Expression) -> Result<Value> {
        match expression {
            Expression::Dot => Ok(self.dot.clone()),
            Expression::Literal(value) => Ok(value.clone()),
            Expression::Variable(name) => self
                .variables
                .iter()
                .rev()
                .find(|(known, _)| known == name)
                .map(|(_, value)| value.clone())
                .ok_or_else(|| invalid(format!("the variable ${name} is not known"))),
            Expression::Field(base, name) => field(self.value(base)?, name),
            Expression::Call(function, arguments) => {
                let arguments =
                    arguments.iter().map(|a| self.value(a)).collect::<Result<Vec<_>>>()?;
                call(function, &arguments)
            }
        }
    }
}

fn field(value: Value, name: &str) -> Result<Value> {
    match value {
        Value::Object(mut fields) => fields.remove(name).ok_or_else(|| {
            let known: Vec<_> = fields.keys().map(String::as_str).collect();
            invalid(format!("there is no field {name:?} among {}", known.join(", ")))
        }),
        Value::Null => Ok(Value::Null),
        other => Err(invalid(format!("{} has no field {name:?}", show(&other)))),
    }
}

fn call(function: &str, arguments: &[Value]) -> Result<Value> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let result = match (function, arguments) {
        ("json", [value]) => Some(Value::String(value.to_string())),
        ("index", [value, keys @ ..]) => Some(index(value, keys)?),
        ("len", [Value::Array(items)]) => Some(items.len().into()),
        ("len", [Value::Object(fields)]) => Some(fields.len().into()),
        ("len", [Value::String(text)]) => Some(text.len().into()),
        ("len", [Value::Null]) => Some(0.into()),
        ("lower", [value]) => text(value).map(|t| t.to_lowercase().into()),
        ("upper", [value]) => text(value).map(|t| t.to_uppercase().into()),
        ("join", [Value::Array(items), Value::String(separator)]) => {
            let items: Vec<_> = items.iter().map(show).collect();
            Some(items.join(separator).into())
        }
        _ => None,
    };
    result.ok_or_else(|| invalid(format!("{function} can't be used on what it was given")))
}

/// An index that is not there gives nothing, as with Go's maps.
fn index(value: &Value, keys: &[Value]) -> Result<Value> {
    keys.iter().try_fold(value.clone(), |value, key| match (&value, key) {
        (Value::Object(fields), Value::String(key)) => {
            Ok(fields.get(key).cloned().unwrap_or(Value::Null))
        }
        (Value::Array(items), Value::Number(at)) => {
            let at = at.as_u64().and_then(|at| usize::try_from(at).ok());
            at.and_then(|at| items.get(at)).cloned().ok_or_else(|| {
                invalid(format!("index {key} is out of range: there are {}", items.len()))
            })
        }
        _ => Err(invalid(format!("{} has no index {key}", show(&value)))),
    })
}

fn items(value: Value) -> Result<Vec<(Value, Value)>> {
    match value {
        Value::Array(items) => {
            Ok(items.into_iter().enumerate().map(|(at, item)| (at.into(), item)).collect())
        }
        Value::Object(fields) => {
            Ok(fields.into_iter().map(|(key, value)| (Value::String(key), value)).collect())
        }
        Value::Null => Ok(Vec::new()),
        other => Err(invalid(format!("range can't go over {}", show(&other)))),
    }
}

fn is_true(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(truth) => *truth,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
    }
}

/// A value as Go prints it.
fn show(value: &Value) -> String {
    match value {
        Value::Null => "<no value>".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            format!("[{}]", items.iter().map(show).collect::<Vec<_>>().join(" "))
        }
        Value::Object(fields) => {
            let fields: Vec<_> = fields.iter().map(|(k, v)| format!("{k}:{}", show(v))).collect();
            format!("map[{}]", fields.join(" "))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use crate::{cli::template::Template, error::Result};
    use serde_json::json;

    fn render(template: &str) -> Result<String> {
        let value = json!({
            "Name": "web",
            "State": { "Pid": 7, "Running": true, "Error": "" },
            "NetworkSettings": {
                "Ports": { "80/tcp": [{ "HostPort": "8080" }], "81/tcp": null },
                "Networks": { "a": { "IPAddress": "10.0.0.2" }, "b": { "IPAddress": "10.1.0.2" } },
            },
            "Aliases": ["x", "y"],
        });
        Template::parse(template)?.render(&value)
    }

    #[test]
    fn fields_functions_and_text_come_out_as_in_go() {
        for (template, text) in [
            ("plain", "plain"),
            ("{{.Name}} runs: {{ .State.Running }}", "web runs: true"),
            ("{{json .State.Pid}}\\t{{json .Aliases}}", "7\t[\"x\",\"y\"]"),
            ("{{.Aliases}} {{len .Aliases}}", "[x y] 2"),
            ("{{.State}}", "map[Error: Pid:7 Running:true]"),
            ("{{upper .Name}} {{join .Aliases \", \"}}", "WEB x, y"),
            ("{{(index (index .NetworkSettings.Ports \"80/tcp\") 0).HostPort}}", "8080"),
            ("{{index .Aliases 1}}", "y"),
            ("a {{- .Name -}} b", "awebb"),
        ] {
            assert_eq!(render(template).unwrap(), text, "{template}");
        }
    }

    #[test]
    fn ranges_and_conditions_nest() {
        for (template, text) in [
            ("{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}", "10.0.0.2 10.1.0.2 "),
            (
                "{{range $k, $v := .NetworkSettings.Networks}}{{$k}}={{$v.IPAddress}};{{end}}",
                "a=10.0.0.2;b=10.1.0.2;",
            ),
            (
                "{{range $p, $b := .NetworkSettings.Ports}}{{if $b}}{{$p}} of {{$.Name}}{{else}}-{{end}}{{end}}",
                "80/tcp of web-",
            ),
            ("{{range index .State \"Nothing\"}}x{{else}}none{{end}}", "none"),
            ("{{if .State.Error}}bad{{else}}good{{end}}", "good"),
            ("{{range $a := .Aliases}}<{{$a}}{{.}}>{{end}}", "<xx><yy>"),
        ] {
            assert_eq!(render(template).unwrap(), text, "{template}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        for (template, part) in [
            ("{{.Nmae}}", "there is no field \"Nmae\" among Aliases, Name"),
            ("{{.Name.X}}", "web has no field \"X\""),
            ("{{.Name", "not closed"),
            ("{{range .Aliases}}", "without {{end}}"),
            ("{{end}}", "without {{range}}"),
            ("{{printf \"%s\" .Name}}", "\"printf\" is not known"),
            ("{{.Name .State}}", "one value"),
            ("{{}}", "holds no value"),
            ("{{index .Aliases 9}}", "out of range"),
            ("{{$x}}", "$x is not known"),
            ("{{(.Name}}", "'('"),
            ("{{.A..B}}", "empty field"),
            ("{{json}}", "json can't be used"),
        ] {
            let error = render(template).unwrap_err().message;
            assert!(error.contains(part), "{template}: {error}");
        }
    }
}
