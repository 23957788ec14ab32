//! The text of a picture while it is written.

use std::fmt::Write;

use crate::limits::Refused;
use crate::mark::Tag;
use crate::text::{clean, escaped, shortened, width};

/// Sizes of text in pixels; `style.css` says the same.
pub(crate) const TICK: f64 = 11.0;
pub(crate) const LABEL: f64 = 12.0;
pub(crate) const HEADING: f64 = 15.0;

/// How much wider a bold text is.
pub(crate) const BOLD: f64 = 1.08;

/// Where a text stands in relation to its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

impl Anchor {
    fn class(self) -> &'static str {
        match self {
            Self::Start => "",
            Self::Middle => "m",
            Self::End => "e",
        }
    }
}

/// SVG text, and the count of what was left out of it.
#[derive(Debug, Default)]
pub(crate) struct Pen {
    pub(crate) out: String,
    omitted: [usize; 3],
}

impl Pen {
    /// Writes what needs no escape.
    pub(crate) fn raw(&mut self, text: &str) {
        self.out.push_str(text);
    }

    /// Counts a value that has no place, and hands on the place of one that has.
    pub(crate) fn kept<T>(&mut self, place: Result<T, Refused>) -> Option<T> {
        place.map_err(|why| self.omitted[why as usize] += 1).ok()
    }

    /// Sentences about what is not in the picture; empty if all is.
    pub(crate) fn omissions(&self) -> String {
        let mut text = String::new();
        let of = |why: Refused| self.omitted[why as usize];
        let [singular, plural] = ["value", "values"];
        for (count, is, are) in [
            (of(Refused::NoNumber), "that is no number is not drawn", "that are no numbers are not drawn"),
            (
                of(Refused::NotPositive),
                "that is not positive has no place on a logarithmic axis",
                "that are not positive have no place on a logarithmic axis",
            ),
            (of(Refused::Outside), "lies outside of the axes", "lie outside of the axes"),
        ] {
            let _ = match count {
                0 => Ok(()),
                1 => write!(text, " 1 {singular} {is}."),
                _ => write!(text, " {count} {plural} {are}."),
            };
        }
        text
    }

    /// Opens a group with a class, moved by (x, y).
    pub(crate) fn open(&mut self, class: &str, x: f64, y: f64) {
        let at = if x == 0.0 && y == 0.0 {
            String::new()
        } else {
            format!(" transform=\"translate({} {})\"", coordinate(x), coordinate(y))
        };
        let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
        let _ = write!(self.out, "<g{class}{at}>");
    }

    /// Closes a group.
    pub(crate) fn close(&mut self) {
        self.out.push_str("</g>");
    }

    /// A path; nothing if it has no points.
    pub(crate) fn path(&mut self, class: &str, d: &str, tag: &Tag) {
        if d.is_empty() {
            return;
        }
        self.out.push_str("<path");
        if !class.is_empty() {
            let _ = write!(self.out, " class=\"{class}\"");
        }
        let _ = write!(self.out, " d=\"{d}\"");
        if let Some(key) = tag.key {
            let _ = write!(self.out, " data-key=\"{key}\"");
        }
        match &tag.tip {
            Some(tip) => {
                let _ = write!(self.out, "><title>{}</title></path>", escaped(&clean(tip)));
            }
            None => self.out.push_str("/>"),
        }
    }

    /// A path without a tag.
    pub(crate) fn plain(&mut self, class: &str, d: &str) {
        self.path(class, d, &Tag::default());
    }

    /// A text, shortened to a room; the whole of it becomes its tooltip.
    pub(crate) fn text(
        &mut self,
        class: &str,
        (x, y): (f64, f64),
        anchor: Anchor,
        text: &str,
        (room, size): (f64, f64),
    ) {
        self.turned(class, (x, y), anchor, text, (room, size), 0);
    }

    /// A text turned by some degrees around its place.
    pub(crate) fn turned(
        &mut self,
        class: &str,
        (x, y): (f64, f64),
        anchor: Anchor,
        text: &str,
        (room, size): (f64, f64),
        degrees: i32,
    ) {
        let whole = clean(text);
        let shown = shortened(&whole, room, size);
        self.written(class, (x, y), anchor, (&shown, &whole), degrees);
    }

    /// A text that was shortened already, with the whole of it as its tooltip.
    pub(crate) fn written(
        &mut self,
        class: &str,
        (x, y): (f64, f64),
        anchor: Anchor,
        (shown, whole): (&str, &str),
        degrees: i32,
    ) {
        if shown.is_empty() {
            return;
        }
        let class = format!("{class} {}", anchor.class());
        let class = match class.trim() {
            "" => String::new(),
            class => format!(" class=\"{class}\""),
        };
        let _ = match degrees {
            0 => write!(self.out, "<text{class} x=\"{}\" y=\"{}\">", coordinate(x), coordinate(y)),
            _ => write!(
                self.out,
                "<text{class} transform=\"translate({} {}) rotate({degrees})\">",
                coordinate(x),
                coordinate(y)
            ),
        };
        if shown != whole {
            let _ = write!(self.out, "<title>{}</title>", escaped(whole));
        }
        let _ = write!(self.out, "{}</text>", escaped(shown));
    }
}

/// How wide a name is once it is cleaned.
pub(crate) fn width_of(text: &str, size: f64) -> f64 {
    width(&clean(text), size)
}

/// A coordinate with at most one digit behind the point: less than an eye sees, and little to store.
pub(crate) fn coordinate(value: f64) -> String {
    let tenths = (value * 10.0).round();
    // Adding zero makes a plus of a minus zero.
    if tenths % 10.0 == 0.0 { format!("{}", tenths / 10.0 + 0.0) } else { format!("{:.1}", tenths / 10.0) }
}

/// A rectangle as a path.
pub(crate) fn rectangle(x: (f64, f64), y: (f64, f64)) -> String {
    // From rounded corners, so that neighbours meet.
    let tenth = |value: f64| (value * 10.0).round() / 10.0;
    let (left, right, top, bottom) = (tenth(x.0), tenth(x.1), tenth(y.0), tenth(y.1));
    let (wide, high) = (right - left, bottom - top);
    format!(
        "M{} {}h{}v{}h{}z",
        coordinate(left),
        coordinate(top),
        coordinate(wide),
        coordinate(high),
        coordinate(-wide)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coordinates_are_short() {
        let cases = [(12.0, "12"), (12.34, "12.3"), (-0.01, "0"), (0.96, "1"), (-3.25, "-3.3"), (100.0, "100")];
        for (value, text) in cases {
            assert_eq!(coordinate(value), text);
        }
        assert_eq!(rectangle((0.0, 10.04), (1.0, 3.5)), "M0 1h10v2.5h-10z");
    }

    #[test]
    fn what_is_left_out_is_told() {
        let mut pen = Pen::default();
        assert_eq!(pen.kept(Ok(1)), Some(1));
        for why in [Refused::NoNumber, Refused::NotPositive, Refused::NotPositive] {
            assert_eq!(pen.kept::<f64>(Err(why)), None);
        }
        let told = " 1 value that is no number is not drawn. 2 values that are not positive have no place on a logarithmic axis.";
        assert_eq!(pen.omissions(), told);
    }

    #[test]
    fn a_shortened_text_has_the_whole_as_its_tooltip() {
        let mut pen = Pen::default();
        pen.text("k", (1.0, 2.0), Anchor::End, "<a long name>", (40.0, TICK));
        assert_eq!(pen.out, "<text class=\"k e\" x=\"1\" y=\"2\"><title>&lt;a long name&gt;</title>&lt;a l…</text>");
    }
}
