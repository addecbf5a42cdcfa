//! A bar chart: who takes how much, ours in colour.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::keys::shown;
use crate::measure::OURS;

/// One chart. Bars lie on their side, so that names of any length can be read.
pub(crate) struct Bars<'a> {
    pub(crate) title: &'a str,
    /// What the numbers are, and that less is better.
    pub(crate) subtitle: &'a str,
    /// What the bars of each row stand for, if there are several.
    pub(crate) series: &'a [&'a str],
    /// Names, and a value for each series; where there is none, there is no bar.
    pub(crate) rows: Vec<(String, Vec<Option<f64>>)>,
    /// Drawn as a line across, with its name.
    pub(crate) mark: Option<(f64, &'a str)>,
    pub(crate) is_logarithmic: bool,
    pub(crate) decimals: usize,
}

/// Opaque, so that a chart can be read on a dark page too.
pub(crate) const PAPER: RGBColor = RGBColor(0xff, 0xff, 0xff);
pub(crate) const INK: RGBColor = RGBColor(0x1f, 0x23, 0x28);
pub(crate) const FAINT: RGBColor = RGBColor(0x59, 0x63, 0x6e);
pub(crate) const GRID: RGBColor = RGBColor(0xd8, 0xde, 0xe4);
const TARGET: RGBColor = RGBColor(0xb3, 0x54, 0x0a);
/// The first series is the darkest.
const OUR_BARS: [RGBColor; 3] = [
    RGBColor(0x0b, 0x6b, 0x58),
    RGBColor(0x2f, 0xa0, 0x86),
    RGBColor(0x8f, 0xd0, 0xbf),
];
const THEIR_BARS: [RGBColor; 3] = [
    RGBColor(0x6e, 0x77, 0x81),
    RGBColor(0x9b, 0xa4, 0xae),
    RGBColor(0xc8, 0xce, 0xd5),
];

const WIDTH: i32 = 800;
const LEFT: i32 = 306;
const RIGHT: i32 = WIDTH - 72;
const TOP: i32 = 92;
const BAR: i32 = 18;
const GAP: i32 = 12;

pub(crate) const FONT: &str = "system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif";

/// A text style: pixels, colour, and which point of the text stands at the given place.
pub(crate) fn text(size: i32, color: RGBColor, at: HPos) -> TextStyle<'static> {
    let font = (FONT, size).into_font();
    font.color(&color).pos(Pos::new(at, VPos::Center))
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;
type Drawn<'a> = Result<(), DrawingAreaErrorKind<<SVGBackend<'a> as DrawingBackend>::ErrorType>>;

impl Bars<'_> {
    /// Draws the chart as an SVG document: the same for the same numbers.
    ///
    /// # Errors
    /// None but the library's own.
    pub(crate) fn svg(&self) -> Result<String, String> {
        let mut svg = String::new();
        {
            let size = (WIDTH.unsigned_abs(), self.height().unsigned_abs());
            let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
            self.draw(&area).map_err(|error| error.to_string())?;
            area.present().map_err(|error| error.to_string())?;
        }
        Ok(svg)
    }

    fn draw<'a>(&self, area: &Area<'a>) -> Drawn<'a> {
        area.fill(&PAPER)?;
        let bold = (FONT, 21, FontStyle::Bold).into_font().color(&INK);
        area.draw_text(
            self.title,
            &bold.pos(Pos::new(HPos::Left, VPos::Center)),
            (24, 28),
        )?;
        area.draw_text(self.subtitle, &text(16, FAINT, HPos::Left), (24, 53))?;
        self.draw_legend(area)?;
        self.draw_grid(area)?;
        for (index, (name, values)) in self.rows.iter().enumerate() {
            self.draw_row(area, TOP + self.row_height() * pixels(index), name, values)?;
        }
        if let Some((value, name)) = self.mark {
            let x = self.x(value);
            let line = [(x, TOP - 8), (x, self.bottom())];
            area.draw(&PathElement::new(line, TARGET.stroke_width(2)))?;
            area.draw_text(name, &text(15, TARGET, HPos::Center), (x, TOP - 18))?;
        }
        Ok(())
    }

    fn draw_row<'a>(
        &self,
        area: &Area<'a>,
        top: i32,
        name: &str,
        values: &[Option<f64>],
    ) -> Drawn<'a> {
        let is_ours = name.starts_with(OURS);
        let (bars, ink) = if is_ours {
            (OUR_BARS, OUR_BARS[0])
        } else {
            (THEIR_BARS, INK)
        };
        let middle = top + BAR * pixels(values.len()) / 2;
        area.draw_text(name, &text(16, ink, HPos::Right), (LEFT - 10, middle))?;
        for (index, (value, color)) in values.iter().zip(bars).enumerate() {
            let Some(value) = *value else { continue };
            let (y, x) = (top + BAR * pixels(index), self.x(value));
            let corners = [(LEFT, y + 1), (x.max(LEFT + 1), y + BAR - 1)];
            area.draw(&Rectangle::new(corners, color.filled()))?;
            let figure = shown(value, self.decimals);
            area.draw_text(&figure, &text(15, ink, HPos::Left), (x + 6, y + BAR / 2))?;
        }
        Ok(())
    }

    fn draw_legend<'a>(&self, area: &Area<'a>) -> Drawn<'a> {
        let mut x = WIDTH - 24;
        for (name, color) in self.series.iter().zip(THEIR_BARS).rev() {
            x -= 8 * pixels(name.len()) + 6;
            area.draw_text(name, &text(15, FAINT, HPos::Left), (x, 28))?;
            area.draw(&Rectangle::new([(x - 17, 22), (x - 5, 34)], color.filled()))?;
            x -= 34;
        }
        Ok(())
    }

    fn draw_grid<'a>(&self, area: &Area<'a>) -> Drawn<'a> {
        for (value, name) in self.ticks() {
            let x = self.x(value);
            area.draw(&PathElement::new([(x, TOP - 4), (x, self.bottom())], GRID))?;
            area.draw_text(
                &name,
                &text(14, FAINT, HPos::Center),
                (x, self.bottom() + 14),
            )?;
        }
        Ok(())
    }

    fn ticks(&self) -> Vec<(f64, String)> {
        let (first, last) = self.range();
        if self.is_logarithmic {
            let decades = std::iter::successors(Some(first), |value| Some(value * 10.0));
            let decades = decades.take_while(|value| *value <= last * 1.001);
            return decades.map(|value| (value, decade(value))).collect();
        }
        let step = [
            0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0,
        ]
        .into_iter()
        .find(|step| last / step <= 8.0)
        .unwrap_or(last);
        let ticks = std::iter::successors(Some(0.0), |value| Some(value + step));
        let ticks = ticks.take_while(|value| *value <= last * 1.001);
        ticks
            .map(|value| (value, shown(value, usize::from(step < 1.0))))
            .collect()
    }

    /// Where the axis begins and ends: at powers of ten if it is logarithmic.
    fn range(&self) -> (f64, f64) {
        let values = self
            .rows
            .iter()
            .flat_map(|(_, values)| values)
            .flatten()
            .copied();
        let values: Vec<f64> = values.chain(self.mark.map(|(value, _)| value)).collect();
        let most = values.iter().copied().fold(0.0, f64::max);
        if !self.is_logarithmic {
            return (0.0, most * 1.02);
        }
        let least = values.iter().copied().fold(most, f64::min);
        let first = 10.0_f64.powf(least.log10().floor());
        (first, 10.0_f64.powf(most.log10().ceil()).max(first * 10.0))
    }

    fn x(&self, value: f64) -> i32 {
        let (first, last) = self.range();
        let share = if self.is_logarithmic {
            (value / first).log10() / (last / first).log10()
        } else {
            value / last
        };
        LEFT + scaled(RIGHT - LEFT, share)
    }

    fn row_height(&self) -> i32 {
        BAR * pixels(self.series.len().max(1)) + GAP
    }

    fn bottom(&self) -> i32 {
        TOP + self.row_height() * pixels(self.rows.len()) - GAP + 6
    }

    fn height(&self) -> i32 {
        self.bottom() + 34
    }
}

/// A power of ten in few characters.
pub(crate) fn decade(value: f64) -> String {
    match value {
        value if value >= 999_999.0 => format!("{:.0} M", value / 1e6),
        value if value >= 999.0 => format!("{:.0} k", value / 1e3),
        value if value >= 0.999 => format!("{value:.0}"),
        value => format!("{value}").chars().take(6).collect(),
    }
}

fn pixels(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// So much of a length in pixels, to the nearest one; no further than the length.
fn scaled(length: i32, share: f64) -> i32 {
    (0..=length)
        .find(|pixel| f64::from(*pixel) + 0.5 >= f64::from(length) * share)
        .unwrap_or(length)
}
