//! The style of all charts.

/// The CSS that a page with [inline](crate::Figure::inline) figures puts into a `<style>` once.
///
/// Colours are custom properties of `:root`, for light and for dark (`prefers-color-scheme`), which the page may use and
/// may set itself: `--ink`, `--paper`, `--muted`, `--grid`, `--series-1` to `--series-8`, `--value-0` to `--value-15` (pale to
/// strong) and `--sign-0` to `--sign-14` (blue to orange).
pub const STYLE: &str = include_str!("style.css");
