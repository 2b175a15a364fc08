//! How long files and functions may be: what does not fit on a screen or two is two things.

use super::source::Source;

/// What is too long.
pub(crate) fn faults(files: &[Source]) -> Vec<String> {
    files.iter().flat_map(|file| [too_long(file), long_functions(file)].concat()).collect()
}

fn too_long(file: &Source) -> Vec<String> {
    let allowed = if file.path.starts_with("netd/src/bin/") { BINARY_LINES } else { FILE_LINES };
    let lines = file.code.len();
    if lines <= allowed {
        return Vec::new();
    }
    vec![format!("{}: {lines} lines before its tests; {allowed} are allowed", file.path)]
}

fn long_functions(file: &Source) -> Vec<String> {
    let mut faults = Vec::new();
    let mut open: Option<Function> = None;
    for (number, line) in file.code.iter().enumerate() {
        if open.is_none() {
            open = function_name(line).map(|name| Function { name, start: number, depth: None });
        }
        let Some(function) = open.as_mut() else { continue };
        if !function.ends_with(line) {
            continue;
        }
        let lines = number - function.start + 1;
        if lines > FUNCTION_LINES {
            let place = format!("{}:{}", file.path, function.start + 1);
            let name = &function.name;
            faults.push(format!(
                "{place}: fn {name} has {lines} lines; {FUNCTION_LINES} are allowed"
            ));
        }
        open = None;
    }
    faults
}

struct Function {
    name: String,
    start: usize,
    /// How many braces are open, from the first one on.
    depth: Option<usize>,
}

impl Function {
    /// The line is the function's last: of its body, or of a declaration without one.
    fn ends_with(&mut self, line: &str) -> bool {
        for c in line.chars() {
            match c {
                '{' => self.depth = Some(self.depth.unwrap_or(0) + 1),
                '}' => self.depth = self.depth.map(|depth| depth.saturating_sub(1)),
                _ => {}
            }
        }
        self.depth.map_or_else(|| line.trim_end().ends_with(';'), |depth| depth == 0)
    }
}

fn function_name(line: &str) -> Option<String> {
    let words = ["pub", "const", "async", "unsafe", "extern"];
    let mut rest = line.trim_start();
    loop {
        if let Some(named) = rest.strip_prefix("fn ") {
            let end = named.find(|c: char| !c.is_alphanumeric() && c != '_')?;
            return Some(named[..end].to_owned());
        }
        let (word, after) = rest.split_once(' ')?;
        // `pub(crate)`
        let known = words.contains(&word.split('(').next()?);
        if !known {
            return None;
        }
        rest = after.trim_start();
    }
}

const FILE_LINES: usize = 300;
const FUNCTION_LINES: usize = 60;
const BINARY_LINES: usize = 80;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_found_by_its_braces() {
        let long = format!("pub(crate) fn long() {{\n{}}}\nfn short() {{}}", "x();\n".repeat(60));
        let code = long.lines().map(str::to_owned).collect();
        let faults = faults(&[Source { path: "a.rs".into(), code }]);
        assert_eq!(faults, ["a.rs:1: fn long has 62 lines; 60 are allowed"]);
    }
}
