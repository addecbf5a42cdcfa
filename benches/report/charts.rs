//! The charts: which there are, and the curves of growth. Bars are drawn by `bars`.

use std::collections::BTreeMap;
use std::path::Path;

use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use crate::bars::{Bars, FAINT, FONT, GRID, INK, PAPER, decade, text};
use crate::figures::Report;
use crate::measure::{Failure, OURS};

/// Draws what was measured into that directory; charts of what was not measured stay as they are.
///
/// # Errors
/// A file cannot be written.
pub(crate) fn draw(report: &Report, directory: &Path) -> Result<(), Failure> {
    let write = |name: &str, svg: Result<String, String>| {
        let file = directory.join(name);
        let svg = svg.map_err(|error| Failure(format!("{name}: {error}")))?;
        std::fs::write(&file, svg).map_err(|error| Failure(format!("{}: {error}", file.display())))
    };
    std::fs::create_dir_all(directory)
        .map_err(|error| Failure(format!("{}: {error}", directory.display())))?;
    for (name, bars) in bar_charts(report) {
        if !bars.rows.is_empty() {
            write(name, bars.svg())?;
        }
    }
    if !report.growth.is_empty() {
        write("growth.svg", growth(report))?;
    }
    Ok(())
}

fn bar_charts(report: &Report) -> Vec<(&'static str, Bars<'static>)> {
    let bars = |title, subtitle, keys: &[&str]| Bars {
        title,
        subtitle,
        series: &[],
        rows: rows(report, keys),
        mark: None,
        is_logarithmic: true,
        decimals: 2,
    };
    vec![
        (
            "cold-start.svg",
            Bars {
                series: &["1 k", "100 k", "1 M"],
                rows: cold_starts(report),
                decimals: 1,
                ..bars(
                    "Cold start: exec to the end of the Init phase",
                    "milliseconds with so many serial numbers, logarithmic; shorter is better",
                    &[],
                )
            },
        ),
        (
            "size.svg",
            Bars {
                mark: Some((1.0, "information bound")),
                is_logarithmic: false,
                ..bars(
                    "Stored octets of a million revoked serial numbers",
                    "as a multiple of the information bound, 13.69 octets each; shorter is better",
                    &["set_x_bound_1m"],
                )
            },
        ),
        (
            "ingest.svg",
            Bars {
                mark: Some((1.0, "SHA-256 alone")),
                ..bars(
                    "Reading a CRL of a million entries",
                    "CPU time as a multiple of SHA-256 over the same octets, logarithmic; shorter is better",
                    &["ingest_x_sha256"],
                )
            },
        ),
        (
            "ingest-memory.svg",
            Bars {
                is_logarithmic: false,
                decimals: 0,
                ..bars(
                    "Memory for a CRL of a million entries",
                    "peak heap above the CRL itself, MiB; shorter is better",
                    &["ingest_peak_mib"],
                )
            },
        ),
        (
            "ready.svg",
            bars(
                "From a million stored serial numbers in memory to the first answer",
                "CPU milliseconds, logarithmic; shorter is better",
                &["ready_ms_1m"],
            ),
        ),
        (
            "lookup.svg",
            Bars {
                series: &["hit", "miss", "slowest skew"],
                decimals: 0,
                ..bars(
                    "One look-up among a million",
                    "nanoseconds, logarithmic; shorter is better",
                    &["lookup_hit_ns", "lookup_miss_ns", "lookup_worst_ns"],
                )
            },
        ),
        (
            "request.svg",
            Bars {
                is_logarithmic: false,
                ..bars(
                    "One authorizer event, octets in to octets out",
                    "CPU microseconds, warm; shorter is better",
                    &["request_us"],
                )
            },
        ),
    ]
}

/// A row for everybody who has a figure for the first key, the best first.
fn rows(report: &Report, keys: &[&str]) -> Vec<(String, Vec<Option<f64>>)> {
    let Some(first) = keys.first() else {
        return Vec::new();
    };
    let ranked = report.ranked(first).into_iter();
    let rows = ranked.map(|(name, _)| {
        let values = keys.iter().map(|key| report.value(key, name)).collect();
        (name.to_owned(), values)
    });
    rows.collect()
}

/// A row for everybody who was started, with what each number of serial numbers took.
fn cold_starts(report: &Report) -> Vec<(String, Vec<Option<f64>>)> {
    let curves = report.growth.get("cold_start_ms").into_iter().flatten();
    let mut rows: Vec<(String, Vec<_>)> = curves
        .map(|(name, points)| {
            let values = points.iter().map(|(_, value)| Some(*value));
            (name.clone(), values.collect())
        })
        .collect();
    rows.sort_by(|(_, a), (_, b)| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
    rows
}

const WIDTH: u32 = 860;
const HEIGHT: u32 = 700;

/// One kind of cost as the number of serial numbers grows.
struct Panel {
    /// Its key in [`Report::growth`].
    key: &'static str,
    name: &'static str,
    is_logarithmic: bool,
    /// Where no curve runs.
    legend: SeriesLabelPosition,
}

const PANELS: [Panel; 4] = [
    Panel {
        key: "octets_per_serial",
        name: "stored octets per serial number",
        is_logarithmic: false,
        legend: SeriesLabelPosition::LowerLeft,
    },
    Panel {
        key: "lookup_hit_ns",
        name: "look-up, hit, ns",
        is_logarithmic: true,
        legend: SeriesLabelPosition::UpperLeft,
    },
    Panel {
        key: "ready_ms",
        name: "octets in memory → first answer, CPU ms",
        is_logarithmic: true,
        legend: SeriesLabelPosition::UpperLeft,
    },
    Panel {
        key: "ingest_ms",
        name: "CRL → set, CPU ms",
        is_logarithmic: true,
        legend: SeriesLabelPosition::UpperLeft,
    },
];

type Curves = BTreeMap<String, Vec<(u32, f64)>>;

const OUR_LINE: RGBColor = RGBColor(0x0b, 0x6b, 0x58);
const LINES: [RGBColor; 4] = [
    RGBColor(0x6e, 0x77, 0x81),
    RGBColor(0xb3, 0x54, 0x0a),
    RGBColor(0x3b, 0x5b, 0xa9),
    RGBColor(0x9a, 0x3b, 0x8f),
];

fn growth(report: &Report) -> Result<String, String> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (WIDTH, HEIGHT)).into_drawing_area();
        area.fill(&PAPER).map_err(|error| error.to_string())?;
        for (area, panel) in area.split_evenly((2, 2)).iter().zip(PANELS) {
            if let Some(curves) = report.growth.get(panel.key) {
                panel
                    .draw(area, curves)
                    .map_err(|error| error.to_string())?;
            }
        }
        area.present().map_err(|error| error.to_string())?;
    }
    Ok(svg)
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;
type Drawn<'a> = Result<(), DrawingAreaErrorKind<<SVGBackend<'a> as DrawingBackend>::ErrorType>>;

impl Panel {
    fn draw<'a>(&self, area: &Area<'a>, curves: &Curves) -> Drawn<'a> {
        let values = || curves.values().flatten();
        let most = values().map(|(_, value)| *value).fold(0.0, f64::max);
        let least = values().map(|(_, value)| *value).fold(most, f64::min);
        let sizes = values().map(|(count, _)| f64::from(*count));
        let sizes = (1_000.0..sizes.fold(10_000.0, f64::max)).log_scale();
        let mut builder = ChartBuilder::on(area);
        builder
            .caption(self.name, text(18, INK, HPos::Left))
            .margin(14)
            .margin_right(24)
            .x_label_area_size(26)
            .y_label_area_size(46);
        // The two kinds of axis are two types of chart, which have no more than a name in common.
        macro_rules! draw_on {
            ($values:expr) => {{
                let mut chart = builder.build_cartesian_2d(sizes, $values)?;
                chart
                    .configure_mesh()
                    .light_line_style(PAPER)
                    .bold_line_style(GRID)
                    .axis_style(FAINT)
                    .x_labels(6)
                    .y_labels(6)
                    .x_label_formatter(&|value| decade(*value))
                    .y_label_formatter(&|value| decade(*value))
                    .label_style(text(14, FAINT, HPos::Center))
                    .draw()?;
                for (index, (name, points)) in curves.iter().enumerate() {
                    let (color, width) = match name == OURS {
                        true => (OUR_LINE, 3),
                        false => (LINES[index % LINES.len()], 2),
                    };
                    let style = color.filled().stroke_width(width);
                    let points = points
                        .iter()
                        .map(|(count, value)| (f64::from(*count), *value));
                    chart
                        .draw_series(LineSeries::new(points, style).point_size(3))?
                        .label(name)
                        .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
                }
                chart
                    .configure_series_labels()
                    .position(self.legend.clone())
                    .background_style(PAPER.mix(0.85))
                    .label_font((FONT, 14).into_font().color(&INK))
                    .draw()?;
            }};
        }
        if self.is_logarithmic {
            let from = 10.0_f64.powf(least.log10().floor());
            draw_on!((from..10.0_f64.powf(most.log10().ceil())).log_scale());
        } else {
            draw_on!(least.floor() - 2.0..most.ceil() + 1.0);
        }
        Ok(())
    }
}
