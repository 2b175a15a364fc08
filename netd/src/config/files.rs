//! Files that declare what should exist.

use crate::error::{Error, Result};
use nix::fcntl::OFlag;
use std::{
    fmt::Display,
    fs,
    io::{self, Read},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

/// A file of the agent's directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpecFile {
    /// Its path.
    pub path: String,
    /// What is in it, if it can be read.
    pub text: Result<String>,
}

/// The YAML files of a directory, by name; `None` where the directory does not exist.
///
/// # Errors
/// The directory can't be read.
pub fn in_directory(directory: &Path) -> Result<Option<Vec<SpecFile>>> {
    let cannot = |e: io::Error| {
        Error::kernel(format!("cannot read the spec directory {}: {e}", directory.display()))
    };
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(cannot(e)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(cannot)?.path();
        let is_yaml = path.extension().is_some_and(|end| end == "yaml" || end == "yml");
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if is_yaml && !hidden {
            files.push(SpecFile { path: path.display().to_string(), text: regular(&path) });
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(Some(files))
}

/// The text of a file, or of standard input where the path is `-`.
///
/// # Errors
/// It can't be read, is larger than [`MOST_BYTES`], or no UTF-8.
pub fn read(path: &Path) -> Result<String> {
    if path == Path::new("-") {
        return text(path, io::stdin());
    }
    text(path, fs::File::open(path).map_err(|e| unread(path, &e))?)
}

/// As [`read`], of a file that can make nobody wait: no pipe, and no device.
fn regular(path: &Path) -> Result<String> {
    let mut open = fs::File::options();
    let file = open.read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path);
    let file = file.map_err(|e| unread(path, &e))?;
    match file.metadata().map_err(|e| unread(path, &e))?.is_file() {
        true => text(path, file),
        false => Err(unread(path, &"it is no regular file")),
    }
}

fn unread(path: &Path, why: &dyn Display) -> Error {
    Error::invalid(format!("cannot read {}: {why}", path.display()))
}

fn text(path: &Path, file: impl Read) -> Result<String> {
    let invalid = |why: String| unread(path, &why);
    let mut bytes = Vec::new();
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(|e| invalid(e.to_string()))?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(invalid(format!("it is larger than {MOST_BYTES} bytes; split it")));
    }
    String::from_utf8(bytes).map_err(|_| invalid("it is no UTF-8 text".into()))
}

/// Largest file in bytes.
pub const MOST_BYTES: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_yaml_files_of_a_directory_are_read_by_name() {
        let directory = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &[u8]| fs::write(directory.path().join(name), text).unwrap();
        put("b.yaml", b"b");
        put("a.yml", b"a");
        put("netd.toml", b"no");
        put(".a.yaml.swp.yaml", b"no");
        put("c.yaml", &[0xff]);
        let pipe = directory.path().join("d.yaml");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let found = in_directory(directory.path()).unwrap().unwrap();
        let texts: Vec<Option<&str>> = found.iter().map(|file| file.text.as_deref().ok()).collect();
        assert_eq!(texts, [Some("a"), Some("b"), None, None]);
        let error = found[3].text.as_ref().unwrap_err();
        assert!(error.message.ends_with("d.yaml: it is no regular file"), "{error}");
        assert_eq!(in_directory(&directory.path().join("none")).unwrap(), None);
    }

    #[test]
    fn a_file_that_is_too_large_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("large.yaml");
        fs::write(&path, "#".repeat(1 << 20)).unwrap();
        assert!(read(&path).is_ok());
        fs::write(&path, "#".repeat((1 << 20) + 1)).unwrap();
        assert!(read(&path).unwrap_err().message.contains("larger than 1048576 bytes"));
        assert!(read(&path.with_extension("x")).unwrap_err().message.contains("cannot read"));
    }
}
