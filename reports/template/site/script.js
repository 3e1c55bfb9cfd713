"use strict";
(() => {
  const root = document.documentElement;
  const themes = ["system", "light", "dark"];
  // Storage is refused in some browsers for pages opened as files; the switch then works for one page.
  const stored = () => { try { return localStorage.getItem("theme"); } catch { return null; } };
  const keep = (theme) => { try { localStorage.setItem("theme", theme); } catch { /* see above */ } };
  let theme = themes.includes(stored()) ? stored() : "system";
  const paint = () => {
    if (theme === "system") root.removeAttribute("data-theme"); else root.setAttribute("data-theme", theme);
  };
  paint();

  const value = (row, column, kind) => {
    const cell = row.children[column];
    if (kind === "text") return cell.textContent.trim().toLowerCase();
    const text = cell.dataset.sort;
    return text === "" ? null : Number(text);
  };
  const compare = (a, b, sign) => {
    // What has no value comes last, whichever way the others are sorted.
    if (a === null || b === null) return (a === null) - (b === null);
    if (typeof a === "string") return sign * a.localeCompare(b, "en", { numeric: true });
    return sign * (a - b);
  };
  const sortable = (table) => {
    const heads = [...table.tHead.rows[0].children];
    heads.forEach((head, column) => {
      const button = head.querySelector("button");
      button.disabled = false;
      button.addEventListener("click", () => {
        const up = head.getAttribute("aria-sort") !== "ascending";
        heads.forEach((other) => other.setAttribute("aria-sort", "none"));
        head.setAttribute("aria-sort", up ? "ascending" : "descending");
        const body = table.tBodies[0];
        const rows = [...body.rows].map((row) => [value(row, column, button.dataset.kind), row]);
        rows.sort(([a], [b]) => compare(a, b, up ? 1 : -1));
        body.append(...rows.map(([, row]) => row));
      });
    });
  };
  const filterable = (section) => {
    const form = section.querySelector("form");
    const rows = [...section.querySelectorAll("tbody tr")];
    const apply = () => {
      const words = form.elements.text.value.toLowerCase().split(/\s+/).filter(Boolean);
      const { verdict, data } = { verdict: form.elements.verdict.value, data: form.elements.data.value };
      let shown = 0;
      for (const row of rows) {
        const text = row.textContent.toLowerCase();
        const fits = words.every((word) => text.includes(word))
          && (verdict === "" || row.dataset.verdict === verdict) && (data === "" || row.dataset.data === data);
        row.hidden = !fits;
        shown += fits;
      }
      form.querySelector("output").textContent = `${shown} of ${rows.length} claims`;
    };
    form.addEventListener("input", apply);
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("reset", () => setTimeout(apply));
    form.hidden = false;
    apply();
  };
  document.addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    const name = () => { button.querySelector("span").textContent = theme; };
    name();
    button.hidden = false;
    button.addEventListener("click", () => {
      theme = themes[(themes.indexOf(theme) + 1) % themes.length];
      keep(theme);
      paint();
      name();
    });
    document.querySelectorAll("table[data-sortable]").forEach(sortable);
    document.querySelectorAll(".overview").forEach(filterable);
  });
})();
