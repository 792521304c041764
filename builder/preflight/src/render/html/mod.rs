//! The report as one page: no other file, no network, readable without its script, on paper and in the dark.
//!
//! The policy in its head lets exactly our style and our script through, by their digests: should something of an image
//! ever slip past [`escape`], it would still not run and not load.

mod escape;
mod room;
mod treemap;

use rootsmith_types::Sha256Digest;

use self::escape::{escape, name, prose};
use super::words::{sentence, visible};
use super::{Counts, Group, Judged, Kind, grade_word, said_word};
use crate::{Check, Finding, Grading, Verdict};

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

pub(super) fn render(judged: &Judged) -> String {
    let groups = judged.groups();
    let mut page = String::new();
    page.push_str("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    page.push_str(&format!(
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; \
         base-uri 'none'; form-action 'none'\">\n",
        digest(STYLE),
        digest(SCRIPT)
    ));
    page.push_str("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    page.push_str(
        "<meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"referrer\" content=\"no-referrer\">\n",
    );
    page.push_str(&format!(
        "<title>Preflight: {}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n",
        escape(&judged.target)
    ));
    header(&mut page, judged, &groups);
    page.push_str("<main>\n");
    toolbar(&mut page, &groups);
    groups.iter().enumerate().for_each(|(at, group)| section(&mut page, at, group));
    if let Some(sizes) = &judged.sizes {
        room::section(&mut page, sizes);
    }
    page.push_str(&format!(
        "</main>\n<footer><p>Decided by rootsmith {} from the image itself: nothing of it was run or changed.</p></footer>\n\
         <script>{SCRIPT}</script>\n</body>\n</html>\n",
        env!("CARGO_PKG_VERSION")
    ));
    page
}

fn header(page: &mut String, judged: &Judged, groups: &[Group<'_>]) {
    page.push_str(&format!(
        "<header>\n<p class=\"kicker\">Preflight report{}</p>\n<h1>{}</h1>\n",
        judged.arch.map(|arch| format!(" · {arch}")).unwrap_or_default(),
        escape(&judged.target)
    ));
    let mut all = Counts::default();
    groups.iter().flat_map(|group| &group.findings).for_each(|finding| all.add(Kind::of(&finding.verdict)));
    let verdict = match (all.of(Kind::Fail), all.of(Kind::Warning)) {
        (0, 0) if all.decided() == 0 => "<strong>Nothing</strong> could be decided.".to_owned(),
        (0, 0) => "<strong>Nothing is wrong</strong> that could be decided from the image.".to_owned(),
        (0, 1) => "<strong>Nothing forbids this image</strong>; one check warns.".to_owned(),
        (0, n) => format!("<strong>Nothing forbids this image</strong>; {n} checks warn."),
        (1, _) => "<strong>One check forbids this image.</strong>".to_owned(),
        (n, _) => format!("<strong>{n} checks forbid this image.</strong>"),
    };
    page.push_str(&format!("<p class=\"verdict\">{verdict}</p>\n<ul class=\"grades\">\n"));
    groups.iter().enumerate().for_each(|(at, group)| card(page, at, group));
    page.push_str("</ul>\n");
    if !judged.notes.is_empty() {
        let notes: Vec<String> = judged.notes.iter().map(|note| format!("<li>{}</li>", prose(note))).collect();
        page.push_str(&format!("<ul class=\"notes\" aria-label=\"Notes\">\n{}\n</ul>\n", notes.join("\n")));
    }
    page.push_str("</header>\n");
}

/// A set at a glance.
fn card(page: &mut String, at: usize, group: &Group<'_>) {
    page.push_str(&format!("<li class=\"card\">\n<a href=\"#set-{at}\"><code>{}</code></a>\n", escape(&group.id)));
    if let Some(grade) = group.grade {
        page.push_str(&format!("<span class=\"grade {}\">{}</span>\n", grade_word(grade), grade_word(grade)));
    }
    if let Some(set) = group.set {
        page.push_str(&format!("<p>{}</p>\n", prose(&sentence(&set.title))));
    }
    bar(page, &group.counts);
    page.push_str(&format!("<p class=\"share\">{}</p>\n", counted(&group.counts)));
    if let (Some(Grading::Admitted), Some(program)) = (group.grade, group.set.and_then(|set| set.program.as_deref())) {
        page.push_str(&format!("<p class=\"quiet\">Good enough for <code>{}</code>.</p>\n", escape(program)));
    }
    page.push_str("</li>\n");
}

/// How many there are of each kind, to scale.
fn bar(page: &mut String, counts: &Counts) {
    let total = counts.0.iter().sum::<usize>().max(1) as f64;
    page.push_str("<svg class=\"bar\" viewBox=\"0 0 100 4\" preserveAspectRatio=\"none\" aria-hidden=\"true\">");
    let mut x = 0.0;
    for kind in [Kind::Pass, Kind::Undecided, Kind::Accepted, Kind::Warning, Kind::Fail] {
        let width = 100.0 * counts.of(kind) as f64 / total;
        if width > 0.0 {
            page.push_str(&format!(
                "<rect class=\"{}\" x=\"{x:.2}\" y=\"0\" width=\"{width:.2}\" height=\"4\"/>",
                class(kind)
            ));
        }
        x += width;
    }
    page.push_str("</svg>\n");
}

/// `76 of 78 pass, 1 warning`.
fn counted(counts: &Counts) -> String {
    let mut text = format!("{} of {} pass", counts.of(Kind::Pass), counts.decided());
    for kind in [Kind::Fail, Kind::Warning, Kind::Accepted, Kind::Undecided] {
        match counts.of(kind) {
            0 => {}
            n => text.push_str(&format!(", {n} {}", kind.counted(n))),
        }
    }
    text
}

/// Shown by the script, which makes it work.
fn toolbar(page: &mut String, groups: &[Group<'_>]) {
    page.push_str(
        "<form class=\"toolbar\" role=\"search\" hidden>\n<label class=\"search\"><span>Search</span>\
         <input type=\"search\" id=\"search\" autocomplete=\"off\" placeholder=\"cgroup, kernel, …\"></label>\n",
    );
    if groups.len() > 1 {
        page.push_str("<label class=\"set\"><span>Set</span><select id=\"set\"><option value=\"\">all sets</option>");
        for (at, group) in groups.iter().enumerate() {
            page.push_str(&format!("<option value=\"{at}\">{}</option>", escape(&group.id)));
        }
        page.push_str("</select></label>\n");
    }
    page.push_str("<div class=\"kinds\" role=\"group\" aria-label=\"Verdicts to show\">\n");
    for kind in Kind::ALL {
        let n: usize = groups.iter().map(|group| group.counts.of(kind)).sum();
        if n > 0 {
            page.push_str(&format!(
                "<button type=\"button\" class=\"{0}\" data-kind=\"{0}\" aria-pressed=\"true\">{1} <b>{n}</b></button>\n",
                class(kind),
                heading(kind)
            ));
        }
    }
    page.push_str(
        "</div>\n<button type=\"button\" id=\"unfold\" aria-pressed=\"false\">Open all</button>\n\
         <p id=\"shown\" role=\"status\"></p>\n</form>\n",
    );
}

fn section(page: &mut String, at: usize, group: &Group<'_>) {
    page.push_str(&format!(
        "<section class=\"checks\" id=\"set-{at}\" data-set=\"{at}\" aria-labelledby=\"set-{at}-name\">\n\
         <h2 id=\"set-{at}-name\"><code>{}</code>",
        escape(&group.id)
    ));
    if let Some(set) = group.set {
        page.push_str(&format!(" <span class=\"title\">{}</span>", prose(&sentence(&set.title))));
    }
    page.push_str("</h2>\n");
    for finding in &group.findings {
        check(page, at, group, finding);
    }
    page.push_str("</section>\n");
}

fn check(page: &mut String, at: usize, group: &Group<'_>, finding: &Finding) {
    let kind = Kind::of(&finding.verdict);
    // What is to be read is open.
    let open = if kind == Kind::Fail { " open" } else { "" };
    page.push_str(&format!(
        "<details class=\"check {0}\" id=\"check-{at}-{1}\" data-kind=\"{0}\"{open}>\n<summary><span class=\"badge\">{2}</span> \
         <span class=\"what\">{3}</span> <code class=\"id\">{4}</code></summary>\n<dl>\n",
        class(kind),
        name(&finding.check),
        heading(kind),
        prose(&sentence(&finding.title)),
        escape(&finding.check)
    ));
    let decided = group.check(finding);
    if !finding.evidence.is_empty() {
        let found: Vec<String> = finding.evidence.iter().map(|line| format!("<li>{}</li>", prose(line))).collect();
        page.push_str(&format!("<dt>Found</dt><dd><ul>{}</ul></dd>\n", found.join("")));
    }
    if let Verdict::Accepted(reason) = &finding.verdict {
        page.push_str(&format!("<dt>Accepted</dt><dd>The profile accepts it: {}</dd>\n", prose(reason)));
    }
    if let Some(cure) = &finding.cure {
        page.push_str(&format!("<dt>Cure</dt><dd class=\"cure\">{}</dd>\n", prose(&sentence(cure))));
    }
    if let Some(check) = decided {
        page.push_str(&format!("<dt>Why</dt><dd>{}</dd>\n", prose(&check.means)));
        page.push_str(&format!("<dt>How</dt><dd>{}</dd>\n", prose(&how(check))));
    }
    if let Some(said) = upstream(group, finding) {
        page.push_str(&format!("<dt>{}</dt><dd>{said}</dd>\n", escape(group.program())));
    }
    page.push_str("</dl>\n</details>\n");
}

fn how(check: &Check) -> String {
    format!("Met when {}. {}", check.rule.describe(), check.rule.decided().sentence())
}

/// What the program says itself: emphasised where it is not what we say.
fn upstream(group: &Group<'_>, finding: &Finding) -> Option<String> {
    let upstream = finding.upstream.as_ref()?;
    let differs = match group.differs(finding) {
        Some(differs) => format!("<strong>{}</strong>: its", prose(&sentence(&visible(&differs)))),
        None => "Its".to_owned(),
    };
    Some(format!("{differs} probe <code>{}</code> {}.", escape(&upstream.probe), said_word(upstream.said)))
}

fn class(kind: Kind) -> &'static str {
    match kind {
        Kind::Fail => "fail",
        Kind::Warning => "warning",
        Kind::Accepted => "accepted",
        Kind::Undecided => "undecided",
        Kind::Pass => "pass",
    }
}

fn heading(kind: Kind) -> &'static str {
    match kind {
        Kind::Fail => "Fails",
        Kind::Warning => "Warning",
        Kind::Accepted => "Accepted",
        Kind::Undecided => "Undecided",
        Kind::Pass => "Passes",
    }
}

/// SHA-256 in base64, as a content security policy writes it.
fn digest(text: &str) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digest = Sha256Digest::of(text.as_bytes());
    let mut base64 = String::new();
    for group in digest.as_bytes().chunks(3) {
        let bits = (0..3).fold(0u32, |bits, at| bits << 8 | group.get(at).copied().map_or(0, u32::from));
        for at in 0..4 {
            // Six bits: always inside the alphabet.
            let letter = ALPHABET[(bits >> (18 - 6 * at) & 63) as usize];
            base64.push(if at > group.len() { '=' } else { char::from(letter) });
        }
    }
    base64
}
