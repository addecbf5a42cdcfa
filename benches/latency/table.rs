//! What was measured, and whether it was what was meant.

use std::time::Duration;

use benches::permille;

use crate::measure::{Kind, Plan, Side};

/// Prints the figures; whether what was measured is what was meant.
pub(crate) fn print(plan: &Plan, sides: &[Side]) -> bool {
    if cfg!(debug_assertions) {
        println!("An unoptimized build: these figures mean nothing. Add --release.");
    }
    println!(
        "{} invocations of each environment, {} rounds of {}; {} revoked serial numbers\n",
        plan.rounds * plan.block,
        plan.rounds,
        plan.block,
        plan.revoked
    );
    println!(
        "{:<24} {:>14} {:>14} {:>14} {:>10} {:>10}",
        "revalidation", "off", "every second", "off again", "ratio", "(noise)"
    );
    let reached = print_times("handed over", sides, |side| &side.handed_over);
    print_times("asked", sides, |side| &side.asked);
    print_row("revalidations", sides, |side| {
        side.revalidations.to_string()
    });
    print_row("wrong answers", sides, |side| side.wrong.count.to_string());
    let verdict = if reached { "reached" } else { "MISSED" };
    println!(
        "\ntarget: p50, p99 and p99.9 of \"handed over\" with revalidation at most 10 % above those \
         without: {verdict}"
    );
    let problems = problems(sides);
    for problem in &problems {
        println!("FAILED: {problem}");
    }
    problems.is_empty()
}

/// Whether all but the maximum are within the target.
fn print_times(what: &str, sides: &[Side], times: fn(&Side) -> &Vec<Duration>) -> bool {
    let mut is_reached = true;
    for (name, thousandths) in [("p50", 500), ("p99", 990), ("p99.9", 999), ("max", 1000)] {
        let of = |kind: Kind| {
            let side = sides.iter().find(|side| side.kind == kind)?;
            let mut ascending = times(side).clone();
            ascending.sort_unstable();
            permille(&ascending, thousandths).map(|it| it.as_secs_f64() * 1e6)
        };
        let (Some(off), Some(on), Some(control)) =
            (of(Kind::Off), of(Kind::EverySecond), of(Kind::Control))
        else {
            return false;
        };
        is_reached &= thousandths == 1000 || on / off <= TARGET;
        println!(
            "{:<24} {off:>14.1} {on:>14.1} {control:>14.1} {:>10.3} {:>10.3}",
            format!("{what}, {name}, µs"),
            on / off,
            control / off,
        );
    }
    is_reached
}

fn print_row(what: &str, sides: &[Side], value: fn(&Side) -> String) {
    let values = sides.iter().map(value).map(|it| format!(" {it:>14}"));
    println!("{what:<24}{}", values.collect::<String>());
}

/// What makes the figures worthless.
fn problems(sides: &[Side]) -> Vec<String> {
    let mut problems = Vec::new();
    for side in sides {
        let (name, count) = (side.kind.name(), side.revalidations);
        match side.kind {
            Kind::Off | Kind::Control if count > 0 => {
                problems.push(format!("{count} revalidations in \"{name}\""));
            }
            Kind::EverySecond if count < LEAST_REVALIDATIONS => problems.push(format!(
                "only {count} revalidations in \"{name}\": raise --invocations"
            )),
            _ => {}
        }
        if let Some(first) = &side.wrong.first {
            let count = side.wrong.count;
            problems.push(format!("{count} wrong answers in \"{name}\": {first}"));
        }
    }
    problems
}

const TARGET: f64 = 1.10;
const LEAST_REVALIDATIONS: usize = 30;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Wrong;

    fn side(kind: Kind, revalidations: usize) -> Side {
        Side {
            kind,
            handed_over: vec![Duration::from_micros(100)],
            asked: Vec::new(),
            revalidations,
            wrong: Wrong::default(),
        }
    }

    fn sides() -> [Side; 3] {
        [
            side(Kind::Off, 0),
            side(Kind::EverySecond, 30),
            side(Kind::Control, 0),
        ]
    }

    #[test]
    fn what_was_meant_has_no_problems() {
        assert_eq!(problems(&sides()), [""; 0]);
        assert!(print_times("", &sides(), |side| &side.handed_over));
    }

    #[test]
    fn revalidations_at_the_wrong_place_are_noticed() {
        for (index, count) in [(0, 1), (1, 0), (1, 29), (2, 1)] {
            let mut sides = sides();
            sides[index].revalidations = count;
            assert_eq!(problems(&sides).len(), 1, "{index}: {count}");
        }
    }

    #[test]
    fn wrong_answers_are_noticed() {
        let mut sides = sides();
        sides[1].wrong = Wrong {
            count: 2,
            first: Some("Err".to_owned()),
        };
        assert_eq!(
            problems(&sides),
            ["2 wrong answers in \"every second\": Err"]
        );
    }

    #[test]
    fn a_missed_target_is_noticed() {
        let mut sides = sides();
        sides[1].handed_over = vec![Duration::from_micros(111)];
        assert!(!print_times("", &sides, |side| &side.handed_over));
    }
}
