//! A report as one HTML page that needs nothing else: no network, no other file.

use std::fmt::Write as _;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use tunefork_charts::STYLE;
use tunefork_names::turns_direction;

use crate::document::{Answer, Block, Document, Picture, Section, Table};

/// How the page looks.
const PAGE_STYLE: &str = include_str!("page.css");
/// What it does: tells of the trial under the pointer, selects trials in all figures, sorts tables.
const SCRIPT: &str = include_str!("page.js");

/// Characters of a table's cell that are shown; all of a longer one would leave no room for the others.
const MOST_SHOWN: usize = 600;

/// The whole page.
pub(crate) fn of(document: &Document) -> String {
    let mut text = String::with_capacity(1 << 18);
    let title = escaped(&document.title);
    // Nothing is ever fetched, whatever stands in a name.
    let policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:";
    let _ = write!(
        text,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title}</title>\n\
         <style>\n{STYLE}\n{PAGE_STYLE}</style>\n</head>\n<body>\n\
         <header>\n<h1><bdi>{title}</bdi></h1>\n<p>{}</p>\n",
        escaped(&document.subtitle)
    );
    contents(&mut text, document);
    text.push_str("</header>\n<main>\n");
    document.sections.iter().for_each(|section| write_section(&mut text, section));
    let _ = write!(
        text,
        "</main>\n<aside id=\"selection\" aria-live=\"polite\" hidden></aside>\n<div id=\"tip\" role=\"tooltip\" hidden></div>\n\
         <script>\n{SCRIPT}</script>\n</body>\n</html>\n"
    );
    text
}

/// Links to the sections.
fn contents(text: &mut String, document: &Document) {
    text.push_str("<nav aria-label=\"Sections\">");
    for Section { title, .. } in &document.sections {
        let _ = write!(text, "<a href=\"#{}\">{title}</a> ", id(title));
    }
    text.push_str("</nav>\n");
}

/// The anchor of a section.
fn id(title: &str) -> String {
    // Figures have names of their own, which may be the same words.
    format!("section-{}", title.to_lowercase().replace(' ', "-"))
}

fn write_section(text: &mut String, section: &Section) {
    let (id, title) = (id(section.title), section.title);
    let _ = writeln!(text, "<section id=\"{id}\" aria-labelledby=\"{id}-title\">\n<h2 id=\"{id}-title\">{title}</h2>");
    section.blocks.iter().for_each(|block| write_block(text, block));
    text.push_str("</section>\n");
}

fn write_block(text: &mut String, block: &Block) {
    // Writing into a String cannot fail.
    let _ = match block {
        Block::Facts(facts) => {
            text.push_str("<dl class=\"facts\">\n");
            for fact in facts {
                let (name, value, note) = (escaped(&fact.name), escaped(&fact.value), escaped(&fact.note));
                let _ = writeln!(text, "<div><dt>{name}</dt><dd><b>{value}</b><span>{note}</span></dd></div>");
            }
            writeln!(text, "</dl>")
        }
        Block::Text(sentences) => writeln!(text, "<p>{}</p>", escaped(sentences)),
        Block::List(sentences) => {
            text.push_str("<ul>\n");
            sentences.iter().for_each(|sentence| text.push_str(&format!("<li>{}</li>\n", escaped(sentence))));
            writeln!(text, "</ul>")
        }
        Block::Answers(answers) => {
            text.push_str("<dl class=\"answers\">\n");
            for Answer { question, sentences } in answers {
                let _ = writeln!(text, "<dt>{question}</dt>");
                sentences.iter().for_each(|sentence| text.push_str(&format!("<dd>{}</dd>\n", escaped(sentence))));
            }
            writeln!(text, "</dl>")
        }
        Block::Title(title) => writeln!(text, "<h3><bdi>{}</bdi></h3>", escaped(title)),
        Block::Table(table) => {
            write_table(text, table);
            Ok(())
        }
        Block::Pictures(pictures) => {
            text.push_str("<ul class=\"pictures\">\n");
            for Picture { caption, png } in pictures {
                let (caption, data) = (escaped(caption), BASE64_STANDARD.encode(png));
                let image = format!("<img alt=\"{caption}\" src=\"data:image/png;base64,{data}\">");
                let _ = writeln!(text, "<li>{image}<bdi aria-hidden=\"true\">{caption}</bdi></li>");
            }
            writeln!(text, "</ul>")
        }
        Block::Figure(figure) => {
            let (title, (svg, told)) = (escaped(figure.title()), figure.inline_and_told());
            writeln!(text, "<figure>\n<figcaption><b>{title}</b> {}</figcaption>\n{svg}\n</figure>", escaped(&told))
        }
    };
}

fn write_table(text: &mut String, table: &Table) {
    let is_of_trials = table.rows.iter().any(|row| row.trial.is_some());
    let numeric: Vec<bool> =
        (0..table.header.len()).map(|column| table.rows.iter().all(|row| is_number(&row.cells[column]))).collect();
    let class = |column: usize| if numeric[column] { " class=\"number\"" } else { "" };
    let caption = match table.caption.as_str() {
        "" => String::new(),
        caption => format!("<caption>{}</caption>\n", escaped(caption)),
    };
    let kind = if is_of_trials { " class=\"trials\"" } else { "" };
    let _ = write!(text, "<div class=\"table\" tabindex=\"0\"><table{kind}>\n{caption}<thead><tr>");
    for (column, name) in table.header.iter().enumerate() {
        let _ = write!(text, "<th scope=\"col\"{}>{}</th>", class(column), cell(name));
    }
    text.push_str("</tr></thead>\n<tbody>\n");
    for row in &table.rows {
        let key = row.trial.map(|trial| format!(" data-key=\"{trial}\" tabindex=\"0\"")).unwrap_or_default();
        let marked = if row.is_marked { " class=\"marked\"" } else { "" };
        let _ = write!(text, "<tr{key}{marked}>");
        for (column, content) in row.cells.iter().enumerate() {
            let _ = write!(text, "<td{}>{}</td>", class(column), cell(content));
        }
        text.push_str("</tr>\n");
    }
    text.push_str("</tbody>\n</table></div>\n");
}

fn is_number(cell: &str) -> bool {
    cell.chars().all(|c| c.is_ascii_digit() || ",.-+e ±%".contains(c))
}

/// The text of a cell, which goes its own direction and is cut where it is very long.
fn cell(content: &str) -> String {
    let is_plain = content.is_ascii();
    let shown = match content.char_indices().nth(MOST_SHOWN) {
        Some((end, _)) => escaped(&content[..end]) + "…",
        None => escaped(content),
    };
    if is_plain { shown } else { format!("<bdi>{shown}</bdi>") }
}

/// Text without what means something to HTML, and without control characters.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    // A line is not broken between a number and its sign.
    for c in text.replace(" %", "\u{a0}%").chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c if c.is_control() => escaped.push(' '),
            // What would turn round the sentence behind it.
            c if turns_direction(c) => {}
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_text_and_nothing_else() {
        assert_eq!(escaped("<script>\"a\" & 'b'\n"), "&lt;script&gt;&quot;a&quot; &amp; &#39;b&#39; ");
        assert_eq!(cell(&"x".repeat(10_000)).chars().count(), MOST_SHOWN + 1);
        assert_eq!(cell("\u{202e}abc م"), "<bdi>abc م</bdi>");
    }

    /// A page that closed its own script early would show the rest as text.
    #[test]
    fn style_and_script_end_where_they_end() {
        assert!(!SCRIPT.contains("</") && !PAGE_STYLE.contains("</"));
    }
}
