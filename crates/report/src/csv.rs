//! The table of trials for spreadsheets and scripts (RFC 4180).

use crate::Summary;

/// One row per trial: number, state, value, epochs, in a study of experiments the names of these and of
/// its runs, parameters, metrics of the last epoch, where trials are several trainings the deviation of
/// their values and each of these, seconds and the reason for its end. What a trial does not have is
/// empty; numbers are written in full.
pub fn trials_csv(summary: &Summary) -> String {
    let (parameters, metrics) = (summary.parameters(), summary.metrics());
    let members = summary.members();
    let several = !members.is_empty();
    let mut header: Vec<&str> = vec!["trial", "state", "value", "epochs"];
    let grouped = !summary.experiments.is_empty();
    if grouped {
        header.extend(["experiment", "run"]);
    }
    header.extend(&parameters);
    header.extend(&metrics);
    header.extend(several.then_some("deviation"));
    header.extend(&members);
    header.extend(["seconds", "reason"]);
    let mut text = csv_line(&header);
    for row in &summary.trials {
        let number = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
        let mut cells = vec![row.number.to_string(), row.state.to_string(), number(row.value), row.epochs.to_string()];
        if grouped {
            let (experiments, runs) = summary.runs_of(row.number);
            cells.extend([experiments.join("; "), runs.join("; ")]);
        }
        cells.extend(
            parameters.iter().map(|name| row.params.get(name).map(|value| value.to_string()).unwrap_or_default()),
        );
        let figure = |figures: &[(String, f64)], name: &str| {
            let figure = figures.iter().find(|(other, _)| other == name);
            number(figure.map(|(_, value)| *value))
        };
        cells.extend(metrics.iter().map(|name| figure(&row.metrics, name)));
        cells.extend(several.then(|| number(row.deviation)));
        cells.extend(members.iter().map(|name| figure(&row.members, name)));
        cells.push(row.seconds.map(|seconds| format!("{seconds:.3}")).unwrap_or_default());
        cells.push(row.reason.clone());
        text.push_str(&csv_line(&cells));
    }
    text
}

/// One line of a table; cells that need it are put in quotes.
///
/// ```
/// assert_eq!(tunefork_report::csv_line(&["a", "b, c", "d \"e\""]), "a,\"b, c\",\"d \"\"e\"\"\"\n");
/// ```
pub fn csv_line<S: AsRef<str>>(cells: &[S]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| quoted(cell.as_ref())).collect();
    cells.join(",") + "\n"
}

fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n', '\r']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell.to_string() }
}
