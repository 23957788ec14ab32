//! How a study is laid out on a terminal: lines that are never wider than it is. What says least goes first where it is
//! narrow.

use console::{Alignment, Style, measure_text_width, pad_str, truncate_str};
use tunefork::report::counted;
use tunefork::train::Objective;
use tunefork::trial::TrialState;

use super::standing::{Finished, Picture, Row, Tally};
use super::words::{clock, four, left, speed};
use crate::screen::Size;

/// What a piece of a line is, so how it looks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tone {
    Plain,
    Quiet,
    Name,
    Bar,
    Good,
    Stopped,
    Bad,
}

impl Tone {
    fn style(self) -> Style {
        let style = Style::new();
        match self {
            Self::Plain => style,
            Self::Quiet => style.dim(),
            Self::Name => style.bold(),
            Self::Bar => style.cyan(),
            Self::Good => style.green().bold(),
            Self::Stopped => style.yellow(),
            Self::Bad => style.red().bold(),
        }
    }
}

/// A line of pieces, each with the number of spaces before it.
#[derive(Default)]
struct Line(Vec<(usize, Tone, String)>);

impl Line {
    fn add(&mut self, gap: usize, tone: Tone, text: impl Into<String>) {
        let gap = if self.0.is_empty() { 0 } else { gap };
        self.0.push((gap, tone, text.into()));
    }

    fn width(&self) -> usize {
        self.0.iter().map(|(gap, _, text)| gap + measure_text_width(text)).sum()
    }

    /// The last piece, with no more than fits.
    fn add_what_fits(&mut self, gap: usize, tone: Tone, text: &str, width: usize) {
        let room = width.saturating_sub(self.width() + gap);
        if room > 1 && !text.is_empty() {
            self.add(gap, tone, truncate_str(text, room, "…"));
        }
    }

    fn painted(self, colours: bool) -> String {
        let pieces = self.0.into_iter().map(|(gap, tone, text)| {
            let style = tone.style().force_styling(colours);
            format!("{:gap$}{}", "", style.apply_to(text))
        });
        pieces.collect::<String>().trim_end().to_owned()
    }
}

/// What can stand in the line of a trial.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Column {
    Number,
    Bar(usize),
    Count,
    Share,
    Value,
    Loss,
    Speed,
    Time,
}

use Column::{Bar, Count, Loss, Number, Share, Speed, Time, Value};

/// From rich to poor: what stands in a trial's line, and how much room at least there must be beside it for what is
/// being tried.
const SHAPES: [(usize, &[Column]); 8] = [
    (60, &[Number, Bar(16), Count, Share, Value, Loss, Speed, Time]),
    (36, &[Number, Bar(12), Count, Share, Value, Speed, Time]),
    (12, &[Number, Bar(6), Count, Share, Value, Speed, Time]),
    (0, &[Number, Bar(6), Count, Share, Value, Speed, Time]),
    (0, &[Number, Bar(6), Count, Share, Value, Time]),
    (0, &[Number, Count, Share, Value, Time]),
    (0, &[Number, Count, Share, Value]),
    (0, &[Number, Count]),
];

impl Column {
    fn gap(self) -> usize {
        match self {
            Number | Bar(_) | Count | Share => 1,
            Value | Loss | Speed | Time => 2,
        }
    }

    fn alignment(self) -> Alignment {
        match self {
            Number | Bar(_) | Value | Loss => Alignment::Left,
            Count | Share | Speed | Time => Alignment::Right,
        }
    }

    fn tone(self, row: &Row) -> Tone {
        match self {
            _ if !row.is_training => Tone::Quiet,
            Number => Tone::Name,
            Bar(_) => Tone::Bar,
            Count | Share | Value | Loss | Speed | Time => Tone::Plain,
        }
    }

    fn text(self, row: &Row, objective: Objective) -> String {
        let figures = &row.figures;
        match self {
            Number => format!("#{}", row.number),
            Bar(cells) => bar(row.done / f64::from(row.epochs.max(1)), cells),
            Count => format!("{}/{}", row.done as u32, row.epochs),
            Share if row.is_training => format!("▸{:2.0} %", (row.done.fract() * 100.0).floor()),
            // For what is decided in its turn.
            Share if row.done >= f64::from(row.epochs) => "ready".to_owned(),
            Share => "waits".to_owned(),
            Value => figures.value.map(|value| valued(objective, value)).unwrap_or_default(),
            // It stands there already.
            Loss if objective == Objective::Loss => String::new(),
            Loss => figures.loss.map(|loss| format!("loss {}", four(loss))).unwrap_or_default(),
            Speed => figures.speed.map(speed).unwrap_or_default(),
            Time => clock(row.seconds),
        }
    }
}

fn valued(objective: Objective, value: f64) -> String {
    format!("{} {}", short(objective), four(value))
}

/// What is optimised, in few letters.
pub(super) fn short(objective: Objective) -> &'static str {
    match objective {
        Objective::Accuracy => "acc",
        Objective::Loss | Objective::MacroF1 => objective.name(),
    }
}

/// A share of so many cells, to an eighth of a cell.
fn bar(share: f64, cells: usize) -> String {
    const PARTS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = (share.clamp(0.0, 1.0) * cells as f64 * 8.0) as usize;
    let text = "█".repeat(eighths / 8) + PARTS[eighths % 8];
    let full = eighths.div_ceil(8);
    text + &"░".repeat(cells - full)
}

/// The lines of the trials under way, as many as there is room for, and the one that counts.
pub(super) fn frame(picture: &Picture, size: Size, colours: bool) -> Vec<String> {
    let width = usable(size.width);
    // One line is left to the cursor after what is printed above, and one counts.
    let room = size.height.saturating_sub(2);
    let (shown, hidden) = chosen(&picture.rows, room);
    let mut lines = rows(&shown, picture.objective, width);
    if hidden > 0 && lines.len() < room {
        let mut line = Line::default();
        line.add_what_fits(0, Tone::Quiet, &format!("and {hidden} more under way"), width);
        lines.push(line);
    }
    lines.push(status(&picture.tally, width));
    lines.into_iter().map(|line| line.painted(colours)).collect()
}

/// The last column stays free: some terminals go on in the next line once it is written, others do not.
fn usable(width: usize) -> usize {
    width.saturating_sub(1).max(1)
}

/// Of more trials than lines those in training first, with a line for those that are left out; in their order.
fn chosen(rows: &[Row], room: usize) -> (Vec<&Row>, usize) {
    let mut shown: Vec<&Row> = rows.iter().collect();
    if shown.len() > room {
        shown.sort_by_key(|row| (!row.is_training, row.number));
        shown.truncate(room.saturating_sub(1));
        shown.sort_by_key(|row| row.number);
    }
    let hidden = rows.len() - shown.len();
    (shown, hidden)
}

/// The lines of trials, in the columns of the richest shape that fits.
fn rows(rows: &[&Row], objective: Objective, width: usize) -> Vec<Line> {
    let params: Vec<String> = rows.iter().map(|row| row.params.join(" ")).collect();
    let longest = params.iter().map(|params| measure_text_width(params)).max().unwrap_or(0);
    let mut columns = Vec::new();
    for (least, shape) in SHAPES {
        columns = widths(shape, rows, objective);
        let all = columns.iter().map(|(column, width)| column.gap() + width).sum::<usize>().saturating_sub(1);
        let beside = least.min(longest);
        if all + if beside > 0 { 2 + beside } else { 0 } <= width {
            break;
        }
    }
    rows.iter().zip(&params).map(|(row, params)| line(row, params, &columns, objective, width)).collect()
}

/// How wide each column is. One in which nothing stands yet is not there.
fn widths(shape: &[Column], rows: &[&Row], objective: Objective) -> Vec<(Column, usize)> {
    let widest = |column: &Column| {
        let texts = rows.iter().map(|row| measure_text_width(&column.text(row, objective)));
        texts.max().unwrap_or(0)
    };
    shape.iter().map(|column| (*column, widest(column))).filter(|(_, width)| *width > 0).collect()
}

fn line(row: &Row, params: &str, columns: &[(Column, usize)], objective: Objective, width: usize) -> Line {
    let mut line = Line::default();
    for (column, wide) in columns {
        let text = column.text(row, objective);
        let text = pad_str(&text, *wide, column.alignment(), None).into_owned();
        let gap = if line.0.is_empty() { 0 } else { column.gap() };
        let room = width.saturating_sub(line.width() + gap);
        if room == 0 {
            break;
        }
        line.add(gap, column.tone(row), truncate_str(&text, room, "…"));
    }
    line.add_what_fits(2, Tone::Quiet, params, width);
    line
}

/// What can stand in the last line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Ended,
    Paused,
    Pruned,
    Failed,
    Best,
    /// Which trial that is.
    Whose,
    Elapsed,
    Left,
}

/// What goes first where the line is narrow.
const LEAST: [Part; 7] = [Part::Whose, Part::Paused, Part::Pruned, Part::Failed, Part::Left, Part::Elapsed, Part::Best];

fn parts(tally: &Tally) -> Vec<(Part, Tone, String)> {
    let counted = |count: u32, word: &str| (count > 0).then(|| format!("{count} {word}"));
    let parts = [
        (Part::Ended, Tone::Name, Some(format!("{}/{}", tally.ended(), tally.budget.max(tally.ended())))),
        (Part::Paused, Tone::Plain, counted(tally.paused, "paused")),
        (Part::Pruned, Tone::Stopped, counted(tally.pruned, "pruned")),
        (Part::Failed, Tone::Bad, counted(tally.failed, "failed")),
        (Part::Best, Tone::Good, tally.best.map(|(_, value)| format!("best {}", four(value)))),
        (Part::Whose, Tone::Plain, tally.best.map(|(number, _)| format!("(#{number})"))),
        (Part::Elapsed, Tone::Plain, Some(clock(tally.elapsed))),
        (Part::Left, Tone::Plain, tally.left.map(left)),
    ];
    parts.into_iter().filter_map(|(part, tone, text)| Some((part, tone, text?))).collect()
}

fn joined(parts: &[(Part, Tone, String)]) -> Line {
    let mut line = Line::default();
    for (place, (part, tone, text)) in parts.iter().enumerate() {
        if place > 0 && *part != Part::Whose {
            line.add(1, Tone::Quiet, "·");
        }
        line.add(1, *tone, text.clone());
    }
    line
}

/// `23/40 · 15 pruned · 1 failed · best .8790 (#33) · 4:10 · ~3 min left`
fn status(tally: &Tally, width: usize) -> Line {
    let mut parts = parts(tally);
    for least in LEAST {
        if joined(&parts).width() <= width {
            break;
        }
        parts.retain(|(part, ..)| *part != least);
    }
    if let [(_, _, only)] = &mut parts[..] {
        *only = truncate_str(only, width, "…").into_owned();
    }
    joined(&parts)
}

/// The same for a log, however long.
pub(super) fn status_text(tally: &Tally) -> String {
    status(tally, usize::MAX).painted(false)
}

/// A trial that has ended, on one line; only why it failed may take more. With a width, what does not fit is cut or left out.
pub(super) fn ended(trial: &Finished, objective: Objective, width: Option<usize>, colours: bool) -> String {
    let width = width.map_or(usize::MAX, usable);
    let mut line = Line::default();
    line.add(0, Tone::Name, format!("#{:<digits$}", trial.number, digits = trial.digits));
    let tone = match trial.state {
        TrialState::Pruned => Tone::Stopped,
        TrialState::Failed => Tone::Bad,
        TrialState::Complete | TrialState::Waiting | TrialState::Running | TrialState::Paused => Tone::Plain,
    };
    line.add_what_fits(1, tone, &format!("{:<8}", trial.state.name()), width);
    if let Some(value) = trial.value {
        let best = if trial.is_best { " best" } else { "     " };
        let tone = if trial.is_best { Tone::Good } else { Tone::Plain };
        line.add_what_fits(2, tone, &(valued(objective, value) + best), width);
    }
    if !trial.message.is_empty() {
        line.add(2, Tone::Plain, &trial.message);
    }
    let time = (trial.epochs > 0).then(|| clock(trial.seconds));
    let epochs = (trial.epochs > 0).then(|| counted(trial.epochs as usize, "epoch"));
    for text in epochs.into_iter().chain(time) {
        if line.width() + 2 + measure_text_width(&text) <= width {
            line.add(2, Tone::Plain, text);
        }
    }
    line.add_what_fits(2, Tone::Quiet, &trial.params, width);
    line.painted(colours)
}

#[cfg(test)]
mod tests;
