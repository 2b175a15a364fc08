//! What is told: on the terminal while it goes, then as Markdown, JSON and plots.

use super::{machine, options::Options, table::Table};
use crate::{build, run};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::{
    fmt::Write,
    fs,
    os::unix::fs::{MetadataExt, chown},
    path::Path,
};

/// Everything so far.
pub(crate) struct Report {
    /// What its files are called, without an ending.
    name: &'static str,
    title: &'static str,
    quick: bool,
    json: Value,
    skipped: Vec<String>,
    failed: Vec<String>,
    tables: Vec<Table>,
}

impl Report {
    /// Of the comparison `name`. `schema` changes when a field of the JSON changes its meaning or goes.
    pub(crate) fn new(
        name: &'static str,
        title: &'static str,
        schema: u8,
        options: &Options,
    ) -> Self {
        let json = json!({
            "schema": format!("netd-bench-{name}/{schema}"),
            "quick": options.quick,
            "rounds": options.rounds,
            "seconds": options.seconds,
            "processors": options.placement.word(),
            "machine": machine::record(),
            "versions": versions(),
        });
        let quick = options.quick;
        let [skipped, failed] = [Vec::new(), Vec::new()];
        Self { name, title, quick, json, skipped, failed, tables: Vec::new() }
    }

    /// Names who does not take part, and why.
    pub(crate) fn skip(&mut self, who: &[String]) {
        who.iter().for_each(|who| run::say(format!("skipped: {who}")));
        self.skipped.extend_from_slice(who);
    }

    /// Says what has no figures, and why.
    pub(crate) fn fail(&mut self, what: &str, e: &anyhow::Error) {
        println!("error: {what}: {e:#}");
        self.failed.push(format!("{what}: {e:#}"));
    }

    /// Prints a table, and keeps it.
    pub(crate) fn add(&mut self, table: Table) {
        println!("{}", table.text());
        self.tables.push(table);
    }

    /// Nobody is judged.
    pub(crate) fn quick(&self) -> bool {
        self.quick
    }

    /// What failed and what is below its target.
    pub(crate) fn open(&self) -> Vec<String> {
        let open = self.tables.iter().flat_map(|table| &table.open);
        self.failed.iter().chain(open).cloned().collect()
    }

    /// Writes the files into `folder`, where the `plots` are already; `fields` belong to the JSON.
    pub(crate) fn write(
        mut self,
        folder: &Path,
        fields: Vec<(&str, Value)>,
        plots: &[String],
    ) -> Result<()> {
        let [markdown, json] = ["md", "json"].map(|ending| format!("{}.{ending}", self.name));
        forget(folder, &json, plots);
        let told = [("skipped", json!(self.skipped)), ("failed", json!(self.failed))];
        for (name, value) in told.into_iter().chain(fields).chain([("plots", json!(plots))]) {
            self.json[name] = value;
        }
        let contents = [(&json, format!("{:#}\n", self.json)), (&markdown, self.markdown(plots))];
        for (file, content) in contents {
            let path = folder.join(file);
            fs::write(&path, content)
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        let owner = fs::metadata(folder)?;
        for file in plots.iter().chain([&markdown, &json]) {
            // Whoever asked made the folder, and only root could measure.
            let _ = chown(folder.join(file), Some(owner.uid()), Some(owner.gid()));
        }
        let place = folder.display();
        run::say(format!("written: {markdown}, {json} and {} plots in {place}", plots.len()));
        Ok(())
    }

    fn markdown(&self, plots: &[String]) -> String {
        let machine = &self.json["machine"];
        let mut text = format!(
            "# {}\n\nLinux {}, {}, {} processors ({}); {} rounds, samples of {} s, `--processors {}`.{}\n",
            self.title,
            plain(&machine["kernel"]),
            plain(&machine["distribution"]),
            machine["processors"],
            plain(&machine["processor"]),
            self.json["rounds"],
            self.json["seconds"],
            plain(&self.json["processors"]),
            if self.quick { " A look only: too short to judge anybody by." } else { "" },
        );
        let versions = self.json["versions"].as_object().into_iter().flatten();
        let versions = versions.filter_map(|(name, version)| Some((name, version.as_str()?)));
        let versions: Vec<String> =
            versions.map(|(name, version)| format!("{name}: {version}")).collect();
        let _ = writeln!(text, "\n{}.", versions.join("; "));
        let skipped = self.skipped.iter().map(|who| format!("Skipped: {who}."));
        let failed = self.failed.iter().map(|what| format!("Failed: {what}."));
        for note in skipped.chain(failed) {
            let _ = writeln!(text, "\n{note}");
        }
        for table in &self.tables {
            let _ = write!(text, "\n{}", table.markdown());
        }
        for file in plots {
            let _ = write!(text, "\n![{file}]({file})\n");
        }
        text
    }
}

/// Removes what an earlier report drew and this one did not: it would be taken for one of this.
fn forget(folder: &Path, json: &str, plots: &[String]) {
    let text = fs::read_to_string(folder.join(json)).unwrap_or_default();
    let earlier: Value = serde_json::from_str(&text).unwrap_or_default();
    let names = earlier["plots"].as_array().into_iter().flatten().filter_map(Value::as_str);
    for name in names.filter(|name| !plots.iter().any(|plot| plot == name)) {
        if name.ends_with(".svg") && !name.contains('/') {
            let _ = fs::remove_file(folder.join(name));
        }
    }
}

/// Of whatever may take part.
fn versions() -> Value {
    let netd = build::binary("netd").to_string_lossy().into_owned();
    let version = |program: &str, word: &str| machine::version(program, &[word]);
    json!({
        "netd": version(&netd, "--version"),
        "iperf3": version("iperf3", "--version"),
        "wrk": version("wrk", "--version"),
        "iproute2": version("ip", "-Version"),
        "iptables": version("iptables-nft", "--version"),
        "nftables": version("nft", "--version"),
        "docker": machine::version("docker", &["version", "--format", "{{.Server.Version}}"]),
        "dockerd": version("dockerd", "--version"),
    })
}

fn plain(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{super::options::Verb, *};
    use std::{env, process};

    fn reported(folder: &Path, plots: &[String]) -> String {
        let options = Verb { name: "t", rounds: (1, 1), takes: &[] }.parse(&[]).unwrap();
        let mut report = Report::new("t", "Title", 1, &options);
        report.skip(&["docker: not here".to_owned()]);
        report.fail("TCP", &anyhow::anyhow!("nothing came"));
        assert_eq!(report.open(), ["TCP: nothing came"]);
        for plot in plots {
            fs::write(folder.join(plot), "").unwrap();
        }
        report.write(folder, vec![("field", json!(7))], plots).unwrap();
        fs::read_to_string(folder.join("t.md")).unwrap()
    }

    #[test]
    fn who_is_missing_is_named_and_an_earlier_run_s_plots_go() {
        let folder = env::temp_dir().join(format!("netd-report-{}", process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("mine.svg"), "").unwrap();
        reported(&folder, &["one.svg".into(), "two.svg".into()]);
        let text = reported(&folder, &["two.svg".into()]);
        let there = |file: &str| folder.join(file).exists();
        let found = (there("one.svg"), there("two.svg"), there("mine.svg"));
        let json = fs::read_to_string(folder.join("t.json")).unwrap();
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(found, (false, true, true));
        assert!(text.contains("Skipped: docker: not here.") && text.contains("![two.svg]"));
        let json: Value = serde_json::from_str(&json).unwrap();
        assert_eq!((&json["schema"], &json["field"]), (&json!("netd-bench-t/1"), &json!(7)));
    }
}
