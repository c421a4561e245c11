//! Plain tables: columns padded with spaces, no lines, no colours.

/// Which side of its column a cell keeps to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// A table under construction.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    sides: Vec<Side>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these columns; a row of empty titles is not shown.
    pub(crate) fn new(columns: &[(&str, Side)]) -> Table {
        let titles: Vec<String> = columns.iter().map(|(title, _)| (*title).to_owned()).collect();
        let rows = if titles.iter().all(String::is_empty) { Vec::new() } else { vec![titles] };
        Table { sides: columns.iter().map(|&(_, side)| side).collect(), rows }
    }

    /// Add a row; cells that are missing at its end are empty.
    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into());
    }

    /// The text, each line indented by so many spaces and ended by a newline.
    pub(crate) fn render(&self, indent: usize) -> String {
        let mut widths = vec![0; self.sides.len()];
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let mut text = String::new();
        for row in &self.rows {
            let mut line = " ".repeat(indent);
            let mut gap = "";
            for ((cell, &width), side) in row.iter().zip(&widths).zip(&self.sides) {
                // A column without any content takes no room.
                if width == 0 {
                    continue;
                }
                line.push_str(gap);
                gap = "  ";
                line.push_str(&match side {
                    Side::Left => format!("{cell:<width$}"),
                    Side::Right => format!("{cell:>width$}"),
                });
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

/// Lay short cells out in `columns` columns, downwards first.
pub(super) fn in_columns(cells: &[(String, String)], columns: usize, indent: usize) -> String {
    let rows = cells.len().div_ceil(columns.max(1));
    let mut lines = vec![" ".repeat(indent); rows];
    for (at, column) in cells.chunks(rows.max(1)).enumerate() {
        let widest = |cell: fn(&(String, String)) -> &String| {
            column.iter().map(|c| cell(c).chars().count()).max().unwrap_or(0)
        };
        let (left, right) = (widest(|c| &c.0), widest(|c| &c.1));
        for (line, index) in lines.iter_mut().zip(0..rows) {
            let empty = (String::new(), String::new());
            let (name, value) = column.get(index).unwrap_or(&empty);
            line.push_str(if at > 0 { "   " } else { "" });
            line.push_str(&format!("{name:<left$} {value:>right$}"));
        }
    }
    lines.iter().map(|line| format!("{}\n", line.trim_end())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_keep_to_their_sides_and_empty_columns_vanish() {
        let mut table = Table::new(&[("name", Side::Left), ("", Side::Left), ("n", Side::Right)]);
        table.row(["a".into(), String::new(), "100".into()]);
        table.row(["longer".into(), String::new(), "2".into()]);
        assert_eq!(table.render(2), "  name      n\n  a       100\n  longer    2\n");
    }

    #[test]
    fn columns_are_filled_downwards() {
        let cells: Vec<_> = ["a", "b", "c"].iter().map(|c| ((*c).to_owned(), "1".to_owned())).collect();
        assert_eq!(in_columns(&cells, 2, 0), "a 1   c 1\nb 1\n");
        assert_eq!(in_columns(&[], 2, 0), "");
    }
}
