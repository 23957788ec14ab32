//! A report as Markdown.

use std::fmt::{self, Write as _};

use tunefork_names::turns_direction;

use crate::document::{Answer, Block, Document, Section, Table};

/// The document without its figures, which stand in files of their own.
pub(crate) fn of(document: &Document) -> String {
    let mut text = String::new();
    write_document(&mut text, document).expect("a String takes all text");
    text
}

fn write_document(text: &mut String, document: &Document) -> fmt::Result {
    writeln!(text, "# {}", escaped(&document.title))?;
    if !document.subtitle.is_empty() {
        writeln!(text, "\n{}", escaped(&document.subtitle))?;
    }
    document.sections.iter().try_for_each(|section| write_section(text, section))
}

fn write_section(text: &mut String, section: &Section) -> fmt::Result {
    if section.blocks.iter().all(|block| matches!(block, Block::Figure(_))) {
        return Ok(());
    }
    writeln!(text, "\n## {}", section.title)?;
    section.blocks.iter().try_for_each(|block| match block {
        Block::Facts(facts) => {
            writeln!(text)?;
            facts.iter().try_for_each(|fact| {
                let note = if fact.note.is_empty() { String::new() } else { format!(" ({})", escaped(&fact.note)) };
                writeln!(text, "- {}: **{}**{note}", escaped(&fact.name), escaped(&fact.value))
            })
        }
        Block::Text(sentences) => writeln!(text, "\n{}", escaped(sentences)),
        Block::List(sentences) => {
            writeln!(text)?;
            sentences.iter().try_for_each(|sentence| writeln!(text, "- {}", escaped(sentence)))
        }
        Block::Answers(answers) => {
            writeln!(text)?;
            answers.iter().try_for_each(|Answer { question, sentences }| match sentences.as_slice() {
                [one] => writeln!(text, "- **{question}** {}", escaped(one)),
                each => {
                    writeln!(text, "- **{question}**")?;
                    each.iter().try_for_each(|sentence| writeln!(text, "  - {}", escaped(sentence)))
                }
            })
        }
        Block::Title(title) => writeln!(text, "\n### {}", escaped(title)),
        Block::Table(table) => write_table(text, table),
        Block::Figure(_) => Ok(()),
        Block::Pictures(pictures) => {
            writeln!(text)?;
            pictures.iter().try_for_each(|picture| writeln!(text, "- {}", escaped(&picture.caption)))
        }
    })
}

fn write_table(text: &mut String, table: &Table) -> fmt::Result {
    if !table.caption.is_empty() {
        writeln!(text, "\n{}", escaped(&table.caption))?;
    }
    let line = |cells: Vec<String>| format!("| {} |", cells.join(" | "));
    writeln!(text, "\n{}", line(table.header.iter().map(|cell| in_cell(cell)).collect()))?;
    writeln!(text, "|{}", "---|".repeat(table.header.len()))?;
    for row in &table.rows {
        let mut cells: Vec<String> = row.cells.iter().map(|cell| in_cell(cell)).collect();
        if let (true, Some(first)) = (row.is_marked, cells.first_mut()) {
            *first = format!("**{first}**");
        }
        writeln!(text, "{}", line(cells))?;
    }
    Ok(())
}

/// A cell without what would end it.
fn in_cell(cell: &str) -> String {
    escaped(cell).replace('|', "\\|")
}

/// Text without what means something to Markdown, and without what cannot be seen. Signs stay where they mean nothing, as the one within
/// `learning_rate` and a list in brackets: people read these files as they lie.
pub(crate) fn escaped(text: &str) -> String {
    let clean: Vec<char> =
        text.chars().filter(|c| !turns_direction(*c)).map(|c| if c.is_control() { ' ' } else { c }).collect();
    let is_word = |place: Option<usize>| place.and_then(|place| clean.get(place)).is_some_and(|c| c.is_alphanumeric());
    let mut escaped = String::with_capacity(text.len());
    for (place, c) in clean.iter().enumerate() {
        let (before, after) = (place.checked_sub(1), clean.get(place + 1));
        let means_something = match c {
            '<' | '*' | '\\' => true,
            '&' => after.is_some_and(|c| c.is_alphabetic() || *c == '#'),
            '~' => after == Some(&'~') || before.and_then(|place| clean.get(place)) == Some(&'~'),
            '_' => !(is_word(before) && is_word(Some(place + 1))),
            // Of a link or a picture, and of what it refers to.
            ']' => matches!(after, Some('(' | '[' | ':')),
            _ => false,
        };
        if means_something {
            escaped.push('\\');
        }
        escaped.push(*c);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_mean_nothing_to_markdown() {
        for (name, written) in [
            ("learning_rate in [1, 2] & more", "learning_rate in [1, 2] & more"),
            ("![x](http://a/x.png)", "![x\\](http://a/x.png)"),
            ("&amp; _em_ *x* ~~s~~ `b` <i>", "\\&amp; \\_em\\_ \\*x\\* \\~\\~s\\~\\~ `b` \\<i>"),
            ("a\u{202e}b\nc", "ab c"),
        ] {
            assert_eq!(escaped(name), written);
        }
    }
}
