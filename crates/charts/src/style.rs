//! The style of all charts.

/// The CSS that a page with [inline](crate::Figure::inline) figures puts into a `<style>` once.
///
/// Colours are custom properties of `:root`, for light and for dark (`prefers-color-scheme`), which the page may use and
/// may set itself: `--ink`, `--paper`, `--muted` (text), `--behind` (marks), `--grid`, `--series-1` to `--series-8`, `--value-0` to `--value-15` (pale to
/// strong) and `--sign-0` to `--sign-14` (blue to orange).
pub const STYLE: &str = include_str!("style.css");

/// The style of a file of its own: with the colours in their places, for not every program that shows SVG knows custom
/// properties, and the dark ones for those that know what the reader prefers.
pub(crate) fn standalone() -> String {
    let (light, rest) = block(STYLE, ":root{");
    let (dark, rules) = block(rest, ":root{");
    // Of the query around the dark colours there is a brace left.
    let rules = rules.trim_start_matches('}');
    let coloured = rules.lines().filter(|line| line.contains("var(")).collect::<Vec<_>>().join("\n");
    format!("{}\n@media (prefers-color-scheme:dark){{{}}}", filled(rules, light), filled(&coloured, dark))
}

/// What stands in the next block with this head, and what comes after it.
fn block<'a>(style: &'a str, head: &str) -> (&'a str, &'a str) {
    let start = style.find(head).map_or(style.len(), |start| start + head.len());
    let (inside, after) = style[start..].split_at(style[start..].find('}').unwrap_or(0));
    (inside, after.trim_start_matches('}'))
}

/// The rules with the values of properties in the places of their names.
fn filled(rules: &str, properties: &str) -> String {
    let mut filled = rules.trim().to_string();
    for property in properties.split(';') {
        if let Some((name, value)) = property.trim().split_once(':') {
            filled = filled.replace(&format!("var({name})"), value);
        }
    }
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_its_own_needs_no_custom_properties() {
        let style = standalone();
        assert!(!style.contains("var(") && !style.contains("--"), "{style}");
        assert!(style.contains(".chart .s1{color:#0072b2}") && style.contains(".chart .s1{color:#3b9ddb}"));
        assert_eq!(style.matches('{').count(), style.matches('}').count());
    }

    #[test]
    fn every_property_has_a_light_and_a_dark_value() {
        let (light, rest) = block(STYLE, ":root{");
        let (dark, _) = block(rest, ":root{");
        let names = |block: &str| -> Vec<String> {
            block.split(';').filter_map(|one| Some(one.trim().split_once(':')?.0.to_string())).collect()
        };
        assert_eq!(names(light), names(dark));
        assert_eq!(names(light).len(), 8 + 8 + 16 + 15);
    }
}
