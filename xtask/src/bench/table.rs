//! A table for people: on the terminal, and as Markdown.

/// A part of a report.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) title: String,
    pub(crate) head: Vec<&'static str>,
    pub(crate) rows: Vec<Vec<String>>,
    /// A line below it.
    pub(crate) note: String,
    /// The rows whose target is not reached.
    pub(crate) open: Vec<String>,
}

impl Table {
    /// For a terminal.
    pub(crate) fn text(&self) -> String {
        let widths: Vec<usize> = (0..self.head.len())
            .map(|column| {
                let cells = self.rows.iter().map(|row| row[column].chars().count());
                cells.chain([self.head[column].len()]).max().unwrap_or(0)
            })
            .collect();
        let line = |cells: &mut dyn Iterator<Item = &str>| {
            let cells =
                cells.zip(&widths).enumerate().map(|(column, (cell, width))| match column {
                    0 => format!("  {cell:width$}"),
                    _ => format!("  {cell:>width$}"),
                });
            cells.collect::<String>() + "\n"
        };
        let mut text = format!("\n{}\n", self.title);
        text += &line(&mut self.head.iter().copied());
        for row in &self.rows {
            text += &line(&mut row.iter().map(String::as_str));
        }
        text + &format!("  {}\n", self.note)
    }

    /// For a page.
    pub(crate) fn markdown(&self) -> String {
        let line = |cells: String| format!("| {cells} |\n");
        let mut text = format!("### {}\n\n", self.title);
        text += &line(self.head.join(" | "));
        text += &format!("|---{}|\n", "|---:".repeat(self.head.len() - 1));
        text.extend(self.rows.iter().map(|row| line(row.join(" | "))));
        text + &format!("\n{}\n", self.note)
    }
}

/// The verdict's words; none where nothing is asked for.
pub(crate) fn met(met: Option<bool>) -> &'static str {
    match met {
        Some(true) => "met",
        Some(false) => "not met",
        None => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_longest_cell() {
        let table = Table {
            title: "title".into(),
            head: vec!["who", "rate"],
            rows: vec![vec!["netd".into(), "1.00".into()], vec!["x".into(), "100.00".into()]],
            note: "note".into(),
            open: Vec::new(),
        };
        let lines = "  who     rate\n  netd    1.00\n  x     100.00\n  note\n";
        assert!(table.text().ends_with(lines), "{}", table.text());
        assert!(table.markdown().contains("| x | 100.00 |"), "{}", table.markdown());
    }
}
