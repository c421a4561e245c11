//! Line charts, for a terminal and as SVG.

use std::fmt::Write;

/// A line of a chart.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// What it shows.
    pub name: &'static str,
    /// The letter that stands for its points in text.
    pub mark: char,
    /// Whether it is drawn dashed.
    pub dashed: bool,
    /// Its points, by ascending x.
    pub points: Vec<(f64, f64)>,
}

/// A chart. Both axes begin at 0.
#[derive(Clone, Debug, PartialEq)]
pub struct Chart {
    /// What it is about.
    pub title: &'static str,
    /// What is counted to the right.
    pub x: &'static str,
    /// What is counted upwards.
    pub y: &'static str,
    /// Its lines.
    pub lines: Vec<Line>,
}

/// Columns and rows of a chart in text.
const TEXT: (usize, usize) = (72, 16);
/// Pixels of a chart in SVG, and of the room around it for labels.
const PIXELS: (f64, f64) = (640.0, 300.0);
const MARGIN: (f64, f64) = (64.0, 40.0);
/// Colours that people with any sight tell apart, by Okabe and Ito.
const COLOURS: [&str; 4] = ["#d55e00", "#0072b2", "#e69f00", "#56b4e9"];

impl Chart {
    fn most(&self) -> (f64, f64) {
        let points = || self.lines.iter().flat_map(|line| &line.points);
        let x = points().map(|point| point.0).fold(0.0, f64::max);
        (x.max(1.0), round_up(points().map(|point| point.1).fold(0.0, f64::max)))
    }

    /// The chart in text.
    pub fn text(&self) -> String {
        let (most_x, most_y) = self.most();
        let (columns, rows) = TEXT;
        let mut cells = vec![vec![' '; columns]; rows];
        for line in &self.lines {
            for (x, y) in &line.points {
                let column = (x / most_x * (columns - 1) as f64).round() as usize;
                let row = rows - 1 - (y / most_y * (rows - 1) as f64).round() as usize;
                cells[row][column] = line.mark;
            }
        }
        let mut text = format!("{} ({})\n", self.title, self.y);
        for (row, cells) in cells.iter().enumerate() {
            let label = match row {
                0 => format!("{most_y:.0}"),
                row if row == rows - 1 => "0".to_owned(),
                _ => String::new(),
            };
            let cells: String = cells.iter().collect();
            let _ = writeln!(text, "{label:>6} |{}", cells.trim_end());
        }
        let _ = writeln!(text, "       +{}", "-".repeat(columns));
        let right = format!("{} {most_x:.0}", self.x);
        let _ = writeln!(text, "        0{right:>width$}", width = columns - 1);
        for line in &self.lines {
            let _ = writeln!(text, "        {}  {}", line.mark, line.name);
        }
        text
    }

    fn svg(&self, top: f64, to: &mut String) {
        let (most_x, most_y) = self.most();
        let (width, height) = PIXELS;
        let place = |(x, y): (f64, f64)| (MARGIN.0 + x / most_x * width, top + height - y / most_y * height);
        let _ = writeln!(
            to,
            "<text x=\"{}\" y=\"{}\" font-weight=\"bold\">{} ({})</text>",
            MARGIN.0,
            top - 12.0,
            self.title,
            self.y
        );
        for step in 0..=4 {
            let value = most_y * f64::from(step) / 4.0;
            let (x, y) = place((0.0, value));
            let _ = writeln!(
                to,
                "<line x1=\"{x}\" y1=\"{y}\" x2=\"{}\" y2=\"{y}\" stroke=\"#ccc\"/><text x=\"{}\" y=\"{}\" \
                 text-anchor=\"end\">{value:.0}</text>",
                x + width,
                x - 6.0,
                y + 4.0
            );
        }
        for day in 0..=most_x as u64 {
            let (x, y) = place((day as f64, 0.0));
            let _ = writeln!(to, "<text x=\"{x}\" y=\"{}\" text-anchor=\"middle\">{day}</text>", y + 18.0);
        }
        let (x, y) = place((most_x, 0.0));
        let _ = writeln!(to, "<text x=\"{x}\" y=\"{}\" text-anchor=\"end\">{}</text>", y + 34.0, self.x);
        // Names stand on white, so that no grid line crosses them.
        let _ = writeln!(
            to,
            "<rect x=\"{}\" y=\"{}\" width=\"184\" height=\"{}\" fill=\"white\"/>",
            MARGIN.0 + 6.0,
            top + 6.0,
            18.0 * self.lines.len() as f64 + 2.0
        );
        for (index, line) in self.lines.iter().enumerate() {
            let colour = COLOURS[index % COLOURS.len()];
            let dash = if line.dashed { " stroke-dasharray=\"6 4\"" } else { "" };
            let points: Vec<String> = line
                .points
                .iter()
                .map(|point| place(*point))
                .map(|(x, y)| format!("{x:.1},{y:.1}"))
                .collect();
            let _ = writeln!(
                to,
                "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"{dash} points=\"{}\"/>",
                points.join(" ")
            );
            let at = top + 18.0 + 18.0 * index as f64;
            let _ = writeln!(
                to,
                "<line x1=\"{}\" y1=\"{at}\" x2=\"{}\" y2=\"{at}\" stroke=\"{colour}\" stroke-width=\"2\"{dash}/>\
                 <text x=\"{}\" y=\"{}\">{}</text>",
                MARGIN.0 + 12.0,
                MARGIN.0 + 44.0,
                MARGIN.0 + 52.0,
                at + 4.0,
                line.name
            );
        }
    }
}

/// The least number that is at least `value` and looks like the end of an axis.
fn round_up(value: f64) -> f64 {
    let mut end = 1.0;
    loop {
        for step in [1.0, 2.0, 4.0, 8.0] {
            if end * step >= value {
                return end * step;
            }
        }
        end *= 10.0;
    }
}

/// Charts below each other, as one SVG file.
pub fn svg(charts: &[Chart]) -> String {
    let (width, height) = (PIXELS.0 + 2.0 * MARGIN.0, (PIXELS.1 + 3.0 * MARGIN.1) * charts.len() as f64);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"white\"/>\n"
    );
    for (index, chart) in charts.iter().enumerate() {
        chart.svg((PIXELS.1 + 3.0 * MARGIN.1) * index as f64 + MARGIN.1, &mut text);
    }
    text.push_str("</svg>\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_shows_its_ends() {
        let points = vec![(0.0, 0.0), (7.0, 1560.0)];
        let chart = Chart {
            title: "T",
            x: "day",
            y: "n",
            lines: vec![Line { name: "line", mark: '*', dashed: false, points }],
        };
        let text = chart.text();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "T (n)");
        assert!(lines[16].starts_with("     0 |*"), "{text}");
        assert!(lines[1].starts_with("  2000 |") && lines[4].ends_with('*'), "{text}");
        let svg = svg(&[chart]);
        assert!(svg.contains("points=\"64.0,340.0 704.0,106.0\""), "{svg}");
    }

    #[test]
    fn axes_end_at_round_numbers() {
        for (value, end) in [(0.0, 1.0), (3.0, 4.0), (69.0, 80.0), (241.0, 400.0), (1560.0, 2000.0)] {
            assert_eq!(round_up(value), end);
        }
    }
}
