//! `[[service]]`, read.

use rootsmith_types::Located;

use crate::choices::{KILL_MODES, RESOURCES, RESTARTS};
use crate::fields::Fields;
use crate::keys::SERVICE_CGROUP;
use crate::model::{CgroupLimits, KillMode, Limit, Resource, Restart, Service};
use crate::words;

pub(crate) fn service(table: &Fields<'_>) -> Option<Service> {
    let name = table.required("name", "name = \"k0sworker\"", words::service);
    table.require_some("exec", "exec = [\"/usr/local/bin/k0s\", \"worker\"]");
    let exec = table.list("exec", words::value);
    if let Some(program) = exec.first() {
        table.accept(&program.value, &program.origin, words::target_path);
    }
    let oneshot = table.flag("oneshot", false);
    let restart = table.text("restart", |text| RESTARTS.read(text));
    let unless_told = if oneshot.value { Restart::Never } else { Restart::Always };
    let restart = restart.unwrap_or_else(|| table.default(unless_told));
    let kill_mode = table.text("kill-mode", |text| KILL_MODES.read(text));
    let cgroup = table.table("cgroup", SERVICE_CGROUP, &|_| None);
    let cgroup = CgroupLimits {
        memory: cgroup.text("memory", words::size),
        cpu: cgroup.text("cpu", words::percent),
        pids: cgroup.get("pids").and_then(|value| cgroup.number_or_text("pids", value, words::limit)),
    };
    Some(Service {
        description: table.text("description", words::line),
        user: table.text("user", words::account),
        group: table.text("group", words::account),
        environment: environment(table),
        working_directory: table.text("working-directory", words::target_path),
        oneshot,
        restart,
        restart_delay: table.text("restart-delay", words::duration),
        after: table.set("after", words::unit),
        before: table.set("before", words::unit),
        requires: table.set("requires", words::unit),
        network: table.flag("network", false),
        limits: limits(table),
        delegate: table.flag("delegate", false),
        kill_mode: kill_mode.unwrap_or_else(|| table.default(KillMode::ControlGroup)),
        cgroup,
        enable: table.flag("enable", true),
        origin: table.origin.clone(),
        exec,
        name: name?,
    })
}

fn environment(table: &Fields<'_>) -> Vec<(Located<String>, Located<String>)> {
    let table = table.map("environment");
    let entries = table.entries().filter_map(|(key, value)| {
        let name = table.accept(&key.value, &key.origin, words::variable);
        let value = table.number_or_text(&key.value, value, words::value);
        Some((name?, value?))
    });
    entries.collect()
}

fn limits(table: &Fields<'_>) -> Vec<(Located<Resource>, Located<Limit>)> {
    let table = table.map("limits");
    let entries = table.entries().filter_map(|(key, value)| {
        let resource = table.accept(&key.value, &key.origin, |text| RESOURCES.read(text));
        let limit = table.number_or_text(&key.value, value, words::limit);
        Some((resource?, limit?))
    });
    entries.collect()
}
