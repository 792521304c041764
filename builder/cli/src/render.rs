//! One problem as a person reads it: what happened, where in the profile, what to do next.
//!
//! ```text
//! error: two packages install `/usr/bin/awk`: `busybox` and `gawk`
//!   --> profiles/router.toml:14:3
//!    |
//! 14 |   "gawk",
//!    |   ^^^^^^ asked for here
//! note: `busybox` was asked for at profiles/base.toml:6:3
//! hint: drop one of them, or name the winner: `prefer = { "/usr/bin/awk" = "gawk" }`
//! ```

use std::ops::Range;
use std::path::Path;

use annotate_snippets::{AnnotationKind, Element, Group, Level, Renderer, Snippet, Title, normalize_untrusted_str};
use rootsmith_types::{Explain, Origin, Subject};

/// Renders `problem`. `files` gives the text of a file for the excerpt, `locate` the place in a profile that a package or
/// path comes from; both may know nothing.
pub(crate) fn render(
    problem: &dyn Explain,
    files: &dyn Fn(&Path) -> Option<String>,
    locate: &dyn Fn(&Subject) -> Option<Origin>,
    colour: bool,
) -> String {
    let place = |subject: &Subject| match subject {
        Subject::Profile(origin) => Some(origin.clone()),
        other => locate(other),
    };
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };

    let title = Level::ERROR.primary_title(problem.to_string());
    let subject = problem.subject();
    let mut parts = vec![match place(&subject) {
        Some(origin) => title.element(excerpt(&origin, files, problem.label(), &subject)),
        None => Group::with_title(title),
    }];
    for note in problem.notes() {
        let text = match place(&note.subject) {
            Some(origin) => {
                let link = if matches!(note.subject, Subject::Path(_)) { ", which comes from" } else { " at" };
                format!("{}{link} {}", note.text, position(&origin, files))
            }
            None => note.text,
        };
        parts.push(Group::with_title(second(Level::NOTE, &text)));
    }
    if let Some(help) = problem.help() {
        parts.push(Group::with_title(second(Level::HELP.with_name("hint"), &help)));
    }
    // Each on its own: as one report they would be joined by lines and bars.
    let mut text = String::new();
    for part in parts {
        text.push_str(renderer.render(&[part]).trim_end_matches('\n'));
        text.push('\n');
    }
    text
}

/// What a place has to do with a subject that may not be named there.
fn brought_in(subject: &Subject, marked: &str) -> Option<String> {
    match subject {
        Subject::Package(name) if marked.trim_matches(['"', '\'']) == name.as_str() => {
            Some("asked for here".to_owned())
        }
        Subject::Package(name) => Some(format!("brings in `{name}`")),
        Subject::Path(path) => Some(format!("brings in `{path}`")),
        Subject::Profile(_) | Subject::Host => None,
    }
}

fn second<'a>(level: Level<'a>, text: &str) -> Title<'a> {
    level.secondary_title(normalize_untrusted_str(text))
}

/// The line at `origin` with its bytes underlined; the file's name alone when it is about the whole file, or cannot be read.
fn excerpt<'a>(
    origin: &Origin,
    files: &dyn Fn(&Path) -> Option<String>,
    label: Option<String>,
    subject: &Subject,
) -> Element<'a> {
    let path = origin.file.display().to_string();
    match files(&origin.file).and_then(|text| Some((line_span(origin, &text)?, text))) {
        Some((span, text)) => {
            let label = label.or_else(|| brought_in(subject, &text[span.clone()]));
            let annotation = AnnotationKind::Primary.span(span).label(label);
            Snippet::source(text).path(path).annotation(annotation).into()
        }
        None => annotate_snippets::Origin::path(path).into(),
    }
}

/// `file:line:column`, both counted from one, the column in characters.
fn position(origin: &Origin, files: &dyn Fn(&Path) -> Option<String>) -> String {
    let path = origin.file.display();
    match files(&origin.file).and_then(|text| Some((line_span(origin, &text)?, text))) {
        Some((span, text)) => {
            let before = &text[..span.start];
            let line = before.matches('\n').count() + 1;
            let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
            format!("{path}:{line}:{column}")
        }
        None => path.to_string(),
    }
}

/// The bytes of `origin` in `text`, cut at the end of the line they begin in: a table may be long. `None` for the whole
/// file, and when the text is not the one that the origin was taken from.
fn line_span(origin: &Origin, text: &str) -> Option<Range<usize>> {
    let span = origin.span();
    let marked = text.get(span.clone())?;
    if span == (0..0) {
        return None;
    }
    let first = marked.lines().next().unwrap_or("").len();
    Some(span.start..span.start + first)
}

#[cfg(test)]
mod tests {
    use std::fmt;
    use std::sync::Arc;

    use rootsmith_types::{Note, PackageName, TreePath};

    use super::*;

    const PROFILE: &str = "[packages]\ninclude = [\n  \"gawk\",\n]\n";

    #[derive(Debug)]
    struct Clash {
        subject: Subject,
        notes: Vec<Note>,
    }

    impl fmt::Display for Clash {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("two packages install `/usr/bin/awk`: `busybox` and `gawk`")
        }
    }

    impl std::error::Error for Clash {}

    impl Explain for Clash {
        fn subject(&self) -> Subject {
            self.subject.clone()
        }

        fn help(&self) -> Option<String> {
            Some("drop one of them".to_owned())
        }

        fn label(&self) -> Option<String> {
            Some("asked for here".to_owned())
        }

        fn notes(&self) -> Vec<Note> {
            self.notes.clone()
        }
    }

    fn origin(span: Range<usize>) -> Origin {
        Origin::new(Arc::from(Path::new("profiles/router.toml")), span)
    }

    fn files(path: &Path) -> Option<String> {
        (path == Path::new("profiles/router.toml")).then(|| PROFILE.to_owned())
    }

    fn shown(subject: Subject, notes: Vec<Note>) -> String {
        render(&Clash { subject, notes }, &files, &|_| None, false)
    }

    #[test]
    fn a_problem_shows_its_line_its_notes_and_its_hint() {
        let note = |text: &str, subject| Note { text: text.to_owned(), subject };
        let notes = vec![
            note("`busybox` was asked for", Subject::Profile(origin(11..18))),
            note("looked in two suites", Subject::Host),
        ];
        let expected = "\
error: two packages install `/usr/bin/awk`: `busybox` and `gawk`
 --> profiles/router.toml:3:3
  |
3 |   \"gawk\",
  |   ^^^^^^ asked for here
note: `busybox` was asked for at profiles/router.toml:2:1
note: looked in two suites
hint: drop one of them
";
        assert_eq!(shown(Subject::Profile(origin(25..31)), notes), expected);
    }

    #[test]
    fn a_package_is_shown_where_it_was_asked_for() {
        let package: PackageName = "gawk".parse().unwrap();
        let clash = Clash { subject: Subject::Package(package.clone()), notes: Vec::new() };
        let locate = |subject: &Subject| (*subject == Subject::Package(package.clone())).then(|| origin(25..31));
        let text = render(&clash, &files, &locate, false);
        assert!(text.contains("\n --> profiles/router.toml:3:3\n"), "{text}");
    }

    #[test]
    fn a_place_says_what_it_has_to_do_with_a_package_or_a_path() {
        #[derive(Debug)]
        struct Broken(Subject);

        impl fmt::Display for Broken {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("it is broken")
            }
        }

        impl std::error::Error for Broken {}

        impl Explain for Broken {
            fn subject(&self) -> Subject {
                self.0.clone()
            }

            fn notes(&self) -> Vec<Note> {
                vec![Note { text: "see there".to_owned(), subject: self.0.clone() }]
            }
        }

        for (subject, label, note) in [
            (Subject::Package("gawk".parse().unwrap()), "asked for here", "see there at"),
            (Subject::Package("libgmp10".parse().unwrap()), "brings in `libgmp10`", "see there at"),
            (
                Subject::Path(TreePath::literal("/usr/bin/awk")),
                "brings in `/usr/bin/awk`",
                "see there, which comes from",
            ),
        ] {
            let text = render(&Broken(subject), &files, &|_| Some(origin(25..31)), false);
            assert!(text.contains(&format!("^^^^^^ {label}\n")), "{text}");
            assert!(text.contains(&format!("note: {note} profiles/router.toml:3:3\n")), "{text}");
        }
    }

    #[test]
    fn without_a_place_there_are_only_words() {
        let expected = "\
error: two packages install `/usr/bin/awk`: `busybox` and `gawk`
hint: drop one of them
";
        assert_eq!(shown(Subject::Host, Vec::new()), expected);
    }

    #[test]
    fn a_whole_file_and_one_that_cannot_be_read_are_named_without_a_line() {
        let expected = "\
error: two packages install `/usr/bin/awk`: `busybox` and `gawk`
--> profiles/router.toml
hint: drop one of them
";
        assert_eq!(shown(Subject::Profile(origin(0..0)), Vec::new()), expected);
        let clash = Clash { subject: Subject::Profile(origin(25..31)), notes: Vec::new() };
        assert_eq!(render(&clash, &|_| None, &|_| None, false), expected);
        // A text that has changed since: never a panic, never a wrong line.
        assert_eq!(render(&clash, &|_| Some("short".to_owned()), &|_| None, false), expected);
    }

    #[test]
    fn a_table_is_underlined_in_its_first_line() {
        let expected = "\
error: two packages install `/usr/bin/awk`: `busybox` and `gawk`
 --> profiles/router.toml:2:11
  |
2 | include = [
  |           ^ asked for here
hint: drop one of them
";
        assert_eq!(shown(Subject::Profile(origin(21..35)), Vec::new()), expected);
    }

    #[test]
    fn colour_changes_nothing_but_the_colour() {
        let clash = Clash { subject: Subject::Profile(origin(25..31)), notes: Vec::new() };
        let coloured = render(&clash, &files, &|_| None, true);
        assert!(coloured.contains("\u{1b}["));
        let plain = anstream::adapter::strip_str(&coloured).to_string();
        assert_eq!(plain, render(&clash, &files, &|_| None, false));
    }
}
