"use strict";
(() => {
  const form = document.querySelector(".toolbar");
  const search = document.getElementById("search");
  const set = document.getElementById("set");
  const kinds = [...form.querySelectorAll("[data-kind]")];
  const unfold = document.getElementById("unfold");
  const shown = document.getElementById("shown");
  const sections = [...document.querySelectorAll("section.checks")].map((element) => ({
    element,
    checks: [...element.querySelectorAll("details.check")].map((check) => ({
      check,
      text: check.textContent.toLowerCase(),
    })),
  }));
  const all = sections.flatMap((section) => section.checks);

  function filter() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = new Set(kinds.filter((it) => it.getAttribute("aria-pressed") === "true").map((it) => it.dataset.kind));
    let count = 0;
    for (const { element, checks } of sections) {
      let left = 0;
      const here = !set || set.value === "" || set.value === element.dataset.set;
      for (const { check, text } of checks) {
        const show = here && wanted.has(check.dataset.kind) && words.every((word) => text.includes(word));
        check.hidden = !show;
        left += show ? 1 : 0;
      }
      element.hidden = left === 0;
      count += left;
    }
    shown.textContent = count === all.length ? `All ${count} checks` : `${count} of ${all.length} checks`;
  }

  function unfoldAll(open) {
    for (const { check } of all) check.open = open;
    unfold.setAttribute("aria-pressed", String(open));
    unfold.textContent = open ? "Close all" : "Open all";
  }

  function follow() {
    const target = document.getElementById(location.hash.slice(1));
    if (target instanceof HTMLDetailsElement) {
      target.open = true;
      target.scrollIntoView();
    }
  }

  for (const button of kinds) {
    button.addEventListener("click", () => {
      button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
      filter();
    });
  }
  search.addEventListener("input", filter);
  if (set) set.addEventListener("change", filter);
  unfold.addEventListener("click", () => unfoldAll(unfold.getAttribute("aria-pressed") !== "true"));
  form.addEventListener("submit", (event) => event.preventDefault());
  addEventListener("keydown", (event) => {
    if (event.key === "/" && !event.ctrlKey && !event.metaKey && !event.target.closest("input, select")) {
      event.preventDefault();
      search.focus();
    }
  });
  addEventListener("hashchange", follow);

  // Paper shows what is not simply met; afterwards the page is as it was.
  let before = [];
  addEventListener("beforeprint", () => {
    before = [...document.querySelectorAll("details.check:not(.pass):not([open])")];
    for (const it of before) it.open = true;
  });
  addEventListener("afterprint", () => {
    for (const it of before) it.open = false;
  });

  form.hidden = false;
  filter();
  follow();
})();
