//! What is printed: errors with their causes, texts, tables.

use std::error::Error as StdError;
use std::fmt::Display;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::sync::OnceLock;

use anyhow::Context as _;
use tunefork::data::printable;
pub(crate) use tunefork::report::duration;
use tunefork::report::{counted, value_text, with_deviation};
use tunefork::space::{Params, Value};
use tunefork::study::{EndReason, Members, StudyRecord};
use tunefork::trial::TrialState;
use tunefork::{Error, TestResult};

use crate::events::Failures;
use crate::{INTERRUPTED, screen};

/// Prints an error with its causes, and says with which code the program ends.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    let known = error.downcast_ref::<Error>();
    if let Some(Error::Interrupted) = known {
        complain("interrupted");
        return ExitCode::from(INTERRUPTED);
    }
    complain(format!("error: {}", without_codes(&chain(error.as_ref()))));
    let file = error.downcast_ref::<tunefork::study_file::FileError>().is_some();
    match file || known.is_some_and(Error::is_input) {
        true => ExitCode::from(2),
        false => ExitCode::FAILURE,
    }
}

/// The error and its causes, one in a line; a cause that was quoted already is not told twice.
fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let message = error.to_string();
        if !text.contains(&message) {
            text.push_str("\n  because ");
            text.push_str(&message);
        }
        cause = error.source();
    }
    text
}

/// A message without the numbers that the system has for its errors: its words stand before them.
pub(crate) fn without_codes(message: &str) -> String {
    let mut parts = message.split(" (os error ");
    let first = parts.next().unwrap_or_default().to_string();
    parts.fold(first, |text, part| text + part.split_once(')').map_or(part, |(_, rest)| rest))
}

/// Prints a result that ends with its own newline. A reader that closed its pipe has enough of it.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to the standard output"),
    }
}

/// Why a line of progress could not be written, the first time.
static LOST: OnceLock<io::Error> = OnceLock::new();

/// Prints a line of progress. Where it cannot be written the work goes on, and [`ended`] tells it. A reader that closed its pipe has enough.
pub(crate) fn say(line: impl Display) {
    screen::above(|| put(line));
}

/// The same where the lines that are drawn again and again are out of the way.
pub(crate) fn put(line: impl Display) {
    match writeln!(io::stdout().lock(), "{line}") {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            LOST.get_or_init(|| error);
        }
        Ok(()) | Err(_) => {}
    }
}

/// The code with which the program ends, its work being done: a failure where lines were lost that somebody was to read.
pub(crate) fn ended(code: ExitCode) -> ExitCode {
    let Some(error) = LOST.get() else { return code };
    complain(format!("error: the work is done, but lines for the standard output were lost: {error}"));
    ExitCode::FAILURE
}

/// Prints lines about what went wrong, if anybody reads them. Names in them may hold what moves the cursor.
pub(crate) fn complain(lines: impl Display) {
    let lines = lines.to_string();
    let printed: Vec<String> = lines.split('\n').map(printable).collect();
    screen::above(|| {
        let _ = writeln!(io::stderr().lock(), "{}", printed.join("\n"));
    });
}

/// The widths of a table's columns.
fn widths(header: &[&str], rows: &[Vec<String>]) -> Vec<usize> {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([header[column].chars().count()]).max().unwrap_or(0)
    };
    (0..header.len()).map(width).collect()
}

/// How wide a table is.
pub(crate) fn table_width(header: &[&str], rows: &[Vec<String>]) -> usize {
    widths(header, rows).iter().map(|width| width + 2).sum::<usize>().saturating_sub(2)
}

/// A table of which lines that are longer than this are cut.
pub(crate) fn fitted_table(header: &[&str], rows: &[Vec<String>], width: usize) -> String {
    let table = table(header, rows);
    table.lines().map(|line| console::truncate_str(line, width, "…").into_owned() + "\n").collect()
}

/// A table with aligned columns; numbers stand to the right.
pub(crate) fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    // Names are what somebody wrote, perhaps with what moves the cursor.
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(|cell| printable(cell)).collect()).collect();
    let header: Vec<String> = header.iter().map(|cell| printable(cell)).collect();
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    let (header, rows) = (header.as_slice(), rows.as_slice());
    let widths = widths(header, rows);
    let numeric: Vec<bool> = (0..header.len()).map(|column| rows.iter().all(|row| is_number(&row[column]))).collect();
    let line = |cells: &[String]| {
        let cells = cells.iter().zip(&widths).zip(&numeric).map(|((cell, width), numeric)| {
            if *numeric { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_string() + "\n"
    };
    let header: Vec<String> = header.iter().map(|cell| cell.to_string()).collect();
    line(&header) + &rows.iter().map(|row| line(row)).collect::<String>()
}

fn is_number(cell: &str) -> bool {
    cell.chars().all(|c| c.is_ascii_digit() || ",.-+e %".contains(c))
}

/// The reasons for which trials failed, each with what was said of the first of them.
pub(crate) fn failures(study: &StudyRecord) -> Vec<Failures> {
    let of = |reason: &EndReason| {
        let failed = study.trials.iter().filter(|trial| trial.state == TrialState::Failed);
        let ends = failed.filter_map(|trial| Some((trial.number, trial.end.as_ref()?)));
        let mut ends = ends.filter(|(_, end)| end.reason == *reason);
        let (first, end) = ends.next()?;
        let message = end.message.clone();
        Some(Failures { reason: *reason, trials: 1 + ends.count(), first: first.0, message })
    };
    EndReason::ALL.iter().filter_map(of).collect()
}

/// A line for each of them.
pub(crate) fn failure_lines(study: &StudyRecord) -> String {
    let line = |Failures { reason, trials, first, message }: Failures| {
        let (count, why) = (counted(trials, "trial"), reason.name().replace('_', " "));
        format!("failed: {count} ({why}), the first is trial {first}: {message}\n")
    };
    failures(study).into_iter().map(line).collect()
}

/// The parameters that have a value.
pub(crate) fn given(params: &Params) -> impl Iterator<Item = (&str, &Value)> {
    params.iter().filter(|(_, value)| **value != Value::Null)
}

/// The same on a line: `dropout=0.3 layers=2`.
pub(crate) fn on_a_line(params: &Params) -> String {
    given(params).map(|(name, value)| printable(&format!("{name}={value}"))).collect::<Vec<_>>().join(" ")
}

/// Each of them as short as it says which it is.
pub(crate) fn short_params(params: &Params) -> Vec<String> {
    given(params).map(|(name, value)| printable(&format!("{name}={}", value_text(value)))).collect()
}

/// Seconds that are only known roughly.
pub(crate) fn about(seconds: f64) -> String {
    let hours = (seconds / 3600.0).round() as u64;
    match seconds {
        ..0.95 => "1 s".to_string(),
        ..90.0 => format!("{seconds:.0} s"),
        ..5400.0 => format!("{:.0} min", seconds / 60.0),
        ..172_800.0 => format!("{:.1} h", seconds / 3600.0),
        _ => format!("{} days", (hours + 12) / 24),
    }
}

/// The figures on the test images, and those of each training where a trial is several.
pub(crate) fn test_lines(test: &TestResult) -> String {
    let words = |figures: &[(String, f64)], deviations: &[(String, f64)]| {
        let words = figures.iter().enumerate().map(|(place, (name, value))| {
            let deviation = deviations.get(place).map(|(_, deviation)| *deviation);
            format!("{name} {}", with_deviation(*value, deviation))
        });
        words.collect::<Vec<_>>().join(", ")
    };
    let mut text = format!("test: {}\n", words(&test.figures, &test.deviations));
    let members = Members::of(test.members.iter().map(|tested| tested.member));
    for tested in &test.members {
        let (member, figures) = (members.name(tested.member), words(&tested.figures, &[]));
        text.push_str(&format!("  {member}: {figures}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_for_people() {
        assert_eq!(duration(12.34), "12.3 s");
        assert_eq!(duration(3725.0), "1 h 02 min");
        let rough = [0.01, 12.6, 840.0, 7200.0, 345_600.0].map(about);
        assert_eq!(rough, ["1 s", "13 s", "14 min", "2.0 h", "4 days"]);
    }

    #[test]
    fn columns_are_aligned() {
        let rows = vec![vec!["a".to_string(), "1".into()], vec!["long".into(), "1,000".into()]];
        assert_eq!(table(&["name", "n"], &rows), "name      n\na         1\nlong  1,000\n");
    }

    #[test]
    fn numbers_of_the_system_are_left_out() {
        let message = "cannot read `x`: No such file or directory (os error 2); look (there)";
        assert_eq!(without_codes(message), "cannot read `x`: No such file or directory; look (there)");
    }

    #[test]
    fn what_has_no_value_is_left_out() {
        let params: Params = [("norm", Value::Null), ("layers", Value::Int(2))].into_iter().collect();
        assert_eq!(on_a_line(&params), "layers=2");
    }

    #[test]
    fn causes_are_told_once() {
        let inner = io::Error::other("the disk is full");
        let outer = anyhow::Error::new(inner).context("cannot write x");
        assert_eq!(chain(outer.as_ref()), "cannot write x\n  because the disk is full");
    }
}
