//! Snippets of the containerd configuration, as k0s 1.36 judges them.

use super::Outcome;
use crate::Said;
use crate::facts::path;
use crate::view::View;

const OLD_PLUGIN: &str = "io.containerd.grpc.v1.cri";

pub(super) fn snippets(view: &View<'_>, folder: &str) -> Outcome {
    let at = path(folder).and_then(|at| view.facts.tree.resolve(&at).ok());
    let names: Vec<&[u8]> = at.iter().flat_map(|at| view.facts.tree.children(at)).collect();
    let names: Vec<&str> = names.into_iter().filter_map(|name| std::str::from_utf8(name).ok()).collect();
    let mut wrong = Vec::new();
    let mut unreadable = false;
    let mut read = 0;
    for name in names.into_iter().filter(|name| name.ends_with(".toml")) {
        let file = format!("{folder}/{name}");
        read += 1;
        match view.text(&file) {
            Ok(Some(text)) => wrong.extend(judge(&text).map(|reason| format!("`{file}` {reason}"))),
            Ok(None) => {
                unreadable = true;
                wrong.push(format!("`{file}` leads nowhere"));
            }
            Err(reason) => {
                unreadable = true;
                wrong.push(reason);
            }
        }
    }
    let fine = if read == 0 { "there are none".to_owned() } else { format!("{read} of version 3") };
    let outcome = Outcome::unless(wrong, fine);
    if unreadable { outcome.said(Said::Error) } else { outcome }
}

pub(crate) fn judge(text: &str) -> Option<String> {
    let table: toml::Table = match text.parse() {
        Ok(table) => table,
        Err(e) => return Some(format!("is no TOML: {}", toml::de::Error::message(&e))),
    };
    if let Some(version) = table.get("version")
        && version.as_integer() != Some(3)
    {
        return Some(format!("has version {version} where 3 is needed"));
    }
    let plugins = table.get("plugins").and_then(toml::Value::as_table)?;
    plugins.contains_key(OLD_PLUGIN).then(|| format!("configures the old plug-in `{OLD_PLUGIN}`"))
}
