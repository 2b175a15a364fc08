//! Plots, as SVG: bars with their spread, and curves.

use super::stats::Spread;
use anyhow::{Context, Result, anyhow};
use plotters::prelude::*;
use std::{ops::Range, path::Path};

/// A name, and points from left to right.
pub(crate) type Curve = (String, Vec<(f64, f64)>);

/// A bar per name as long as its median, with a line for what eight of ten lie between.
pub(crate) fn bars(file: &Path, title: &str, bars: &[(String, Spread)]) -> Result<()> {
    let height = TOP + ROW * i32::try_from(bars.len()).unwrap_or(0) + EDGE;
    let root = SVGBackend::new(file, (WIDTH, height.unsigned_abs())).into_drawing_area();
    let done = draw_bars(&root, title, bars).and_then(|()| root.present().map_err(told));
    done.with_context(|| format!("cannot draw {}", file.display()))
}

/// Shares (0 to 1) over microseconds.
pub(crate) fn shares(file: &Path, title: &str, curves: &[Curve]) -> Result<()> {
    let percent = |share: &f64| format!("{:.0} %", share * 100.0);
    lines(file, title, curves, 1.0, (&percent, SeriesLabelPosition::LowerRight))
}

/// Any figures over a number; the axis begins at nothing, so that a flat line looks flat.
pub(crate) fn over(file: &Path, title: &str, curves: &[Curve]) -> Result<()> {
    let highest = curves.iter().flat_map(|(_, points)| points).map(|(_, figure)| *figure);
    let top = highest.fold(f64::MIN_POSITIVE, f64::max) * 1.1;
    let figure = |figure: &f64| format!("{figure:.1}");
    lines(file, title, curves, top, (&figure, SeriesLabelPosition::LowerLeft))
}

/// What the upward axis says, and where the legend hides nothing.
type Words<'a> = (&'a dyn Fn(&f64) -> String, SeriesLabelPosition);

/// Curves over an axis that grows by factors.
fn lines(file: &Path, title: &str, curves: &[Curve], top: f64, words: Words<'_>) -> Result<()> {
    let root = SVGBackend::new(file, (WIDTH, HEIGHT)).into_drawing_area();
    let times = curves.iter().flat_map(|(_, points)| points).map(|(time, _)| *time);
    let mut times: Vec<f64> = times.collect();
    times.sort_by(f64::total_cmp);
    let across = times.first().copied().unwrap_or(1.0)..times.last().copied().unwrap_or(1.0) * 1.01;
    let done = draw_lines(&root, title, curves, across, (top, words))
        .and_then(|()| root.present().map_err(told));
    done.with_context(|| format!("cannot draw {}", file.display()))
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

fn draw_bars(root: &Area<'_>, title: &str, bars: &[(String, Spread)]) -> Result<()> {
    root.fill(&WHITE).map_err(told)?;
    let text = |text: String, x: i32, y: i32, size: i32| {
        root.draw(&Text::new(text, (x, y), ("sans-serif", size))).map_err(told)
    };
    text(title.to_owned(), EDGE, EDGE, 20)?;
    let longest = bars.iter().map(|(_, spread)| spread.high.max(spread.median)).fold(0.0, f64::max);
    let room = f64::from(WIDTH) - f64::from(LEFT) - 90.0;
    let place = |value: f64| LEFT + (value / longest.max(f64::MIN_POSITIVE) * room) as i32;
    for ((name, spread), row) in bars.iter().zip(0..) {
        let y = TOP + ROW * row;
        text(name.clone(), EDGE, y + 7, 15)?;
        let bar = [(LEFT, y + 4), (place(spread.median), y + ROW - 6)];
        root.draw(&Rectangle::new(bar, colour(row).filled())).map_err(told)?;
        let middle = y + ROW / 2 - 1;
        let whisker = vec![(place(spread.low), middle), (place(spread.high), middle)];
        root.draw(&PathElement::new(whisker, BLACK.stroke_width(2))).map_err(told)?;
        for end in [spread.low, spread.high] {
            let end = vec![(place(end), middle - 5), (place(end), middle + 5)];
            root.draw(&PathElement::new(end, BLACK.stroke_width(2))).map_err(told)?;
        }
        let edge = place(spread.high.max(spread.median)) + 8;
        text(format!("{:.2}", spread.median), edge, y + 7, 15)?;
    }
    Ok(())
}

fn draw_lines(
    root: &Area<'_>,
    title: &str,
    curves: &[Curve],
    across: Range<f64>,
    (top, (words, place)): (f64, Words<'_>),
) -> Result<()> {
    root.fill(&WHITE).map_err(told)?;
    let mut chart = ChartBuilder::on(root)
        .caption(title, ("sans-serif", 20))
        .margin(EDGE)
        .margin_right(3 * EDGE)
        .x_label_area_size(30)
        .y_label_area_size(50)
        .build_cartesian_2d(across.log_scale(), 0.0..top)
        .map_err(told)?;
    let mut mesh = chart.configure_mesh();
    mesh.x_label_formatter(&|time| format!("{time:.0}"));
    mesh.y_label_formatter(words).max_light_lines(1).draw().map_err(told)?;
    for ((name, points), number) in curves.iter().zip(0..) {
        let style = colour(number).stroke_width(2);
        let line = LineSeries::new(points.iter().copied(), style);
        let legend = move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style);
        chart.draw_series(line).map_err(told)?.label(name).legend(legend);
    }
    let mut legend = chart.configure_series_labels();
    legend.position(place).background_style(WHITE.mix(0.8));
    legend.border_style(BLACK).draw().map_err(told)
}

/// Told apart also by those who see red and green alike (Okabe and Ito).
fn colour(number: i32) -> RGBColor {
    let number = usize::try_from(number).unwrap_or(0) % COLOURS.len();
    let (red, green, blue) = COLOURS[number];
    RGBColor(red, green, blue)
}

fn told(e: impl std::fmt::Display) -> anyhow::Error {
    anyhow!("{e}")
}

const COLOURS: [(u8, u8, u8); 9] = [
    (0, 114, 178),
    (230, 159, 0),
    (86, 180, 233),
    (213, 94, 0),
    (204, 121, 167),
    (0, 158, 115),
    (120, 120, 120),
    (0, 0, 0),
    (240, 228, 66),
];

/// Pixels.
const WIDTH: u32 = 900;
const HEIGHT: u32 = 480;
const EDGE: i32 = 12;
const TOP: i32 = 48;
const LEFT: i32 = 250;
const ROW: i32 = 34;

#[cfg(test)]
mod tests {
    use super::*;
    use std::{env, fs, process};

    fn drawn(name: &str, draw: impl FnOnce(&Path) -> Result<()>) -> String {
        let file = env::temp_dir().join(format!("netd-plot-{}-{name}.svg", process::id()));
        draw(&file).unwrap();
        let text = fs::read_to_string(&file).unwrap();
        fs::remove_file(file).unwrap();
        text
    }

    #[test]
    fn a_bar_has_its_name_and_its_figure() {
        let one = [("raw veth pair".to_owned(), Spread::of(&[1.0, 2.0, 3.0]))];
        let text = drawn("bars", |file| bars(file, "TCP (Gb/s)", &one));
        assert!(text.contains("raw veth pair") && text.contains("2.00") && text.contains("TCP"));
    }

    #[test]
    fn nothing_measured_is_no_reason_to_fail() {
        let none = [("x".to_owned(), Spread::of(&[]))];
        assert!(drawn("none", |file| bars(file, "t", &none)).contains("0.00"));
    }

    #[test]
    fn every_curve_is_in_the_legend() {
        let curve = |name: &str| (name.to_owned(), vec![(10.0, 0.2), (100.0, 1.0)]);
        let text = drawn("shares", |file| shares(file, "t", &[curve("one"), curve("two")]));
        assert!(text.contains("one") && text.contains("two") && text.contains("polyline"));
    }
}
