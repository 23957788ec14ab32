//! `tunefork evaluate`

use std::process::ExitCode;

use serde_json::{Map, Value as Json, json};
use tunefork::data::printable;
use tunefork::report::{figure, thousands};
use tunefork::{ModelEvaluation, find_set};

use crate::args::EvaluateArgs;
use crate::output::{complain, print, table};
use crate::progress;

/// A confusion matrix of more classes is no table for people: its largest mistakes are told.
const MOST_COLUMNS: usize = 12;
/// How many mistakes are told then.
const MOST_MISTAKES: usize = 10;

pub(crate) fn evaluate(args: &EvaluateArgs) -> anyhow::Result<ExitCode> {
    let machine = args.machine.machine()?;
    let set = find_set(&args.set, args.data.data_dir.as_deref(), None)?;
    let mut preparing = progress::Preparing::new();
    let evaluation = tunefork::evaluate(&args.model, &set, args.part, &machine, &mut |done| preparing.show(done))?;
    drop(preparing);
    evaluation.warnings.iter().for_each(complain);
    print(&match args.json {
        true => object(&evaluation).to_string() + "\n",
        false => text(&evaluation),
    })?;
    Ok(ExitCode::SUCCESS)
}

fn text(evaluation: &ModelEvaluation) -> String {
    let confusion = &evaluation.evaluation.confusion;
    let mut text = format!("images     {}\n", thousands(confusion.total()));
    for (name, value) in evaluation.figures() {
        text.push_str(&format!("{name:<9}  {}\n", figure(value)));
    }
    let names: Vec<String> = evaluation.classes.iter().map(|class| printable(class)).collect();
    let rows = names.iter().enumerate().map(|(class, name)| {
        let images: u64 = confusion.row(class).iter().sum();
        // Of a class without images nothing is known.
        let figures =
            evaluation.of_class(class).map(|(_, value)| if images > 0 { figure(value) } else { String::new() });
        [name.clone(), thousands(images)].into_iter().chain(figures).collect()
    });
    let rows: Vec<Vec<String>> = rows.collect();
    text.push_str(&format!("\n{}", table(&["class", "images", "precision", "recall", "f1"], &rows)));
    text + &match names.len() {
        ..=MOST_COLUMNS => matrix(evaluation, &names),
        _ => mistakes(evaluation, &names),
    }
}

fn matrix(evaluation: &ModelEvaluation, names: &[String]) -> String {
    let header = ["is, was taken for"].into_iter().chain(names.iter().map(String::as_str));
    let row = |(class, name): (usize, &String)| {
        let counts = evaluation.evaluation.confusion.row(class).iter().map(|count| thousands(*count));
        [name.clone()].into_iter().chain(counts).collect()
    };
    let rows: Vec<Vec<String>> = names.iter().enumerate().map(row).collect();
    format!("\n{}", table(&header.collect::<Vec<_>>(), &rows))
}

fn mistakes(evaluation: &ModelEvaluation, names: &[String]) -> String {
    let confusion = &evaluation.evaluation.confusion;
    let pairs = (0..names.len()).flat_map(|is| (0..names.len()).map(move |taken| (is, taken)));
    let mistakes = pairs.filter(|(is, taken)| is != taken && confusion.count(*is, *taken) > 0);
    let mut mistakes: Vec<(usize, usize)> = mistakes.collect();
    // Stable, so that equal ones stay in the order of the classes.
    mistakes.sort_by_key(|(is, taken)| std::cmp::Reverse(confusion.count(*is, *taken)));
    let row = |(is, taken): &(usize, usize)| {
        vec![names[*is].clone(), names[*taken].clone(), thousands(confusion.count(*is, *taken))]
    };
    let rows: Vec<Vec<String>> = mistakes.iter().take(MOST_MISTAKES).map(row).collect();
    format!("\n{}", table(&["is", "was most often taken for", "images"], &rows))
}

fn object(evaluation: &ModelEvaluation) -> Json {
    let confusion = &evaluation.evaluation.confusion;
    let figures = |figures: &[(&str, f64)]| -> Map<String, Json> {
        figures.iter().map(|(name, value)| (name.to_string(), json!(value))).collect()
    };
    let classes = evaluation.classes.iter().enumerate().map(|(class, name)| {
        let images = confusion.row(class).iter().sum::<u64>();
        let mut object = json!({ "class": name, "images": images });
        let of_class =
            evaluation.of_class(class).map(|(name, value)| (name.to_owned(), (images > 0).then_some(value).into()));
        object.as_object_mut().expect("it is one").extend(of_class);
        object
    });
    let rows: Vec<&[u64]> = (0..confusion.classes()).map(|class| confusion.row(class)).collect();
    let mut object = json!({ "images": confusion.total() });
    let whole = object.as_object_mut().expect("it is one");
    whole.extend(figures(&evaluation.figures()));
    whole.insert("classes".to_owned(), classes.collect());
    whole.insert("confusion".to_owned(), json!(rows));
    object
}
