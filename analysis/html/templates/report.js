"use strict";
(() => {
  const root = document.documentElement;
  const remembered = (value) => {
    try {
      if (value) localStorage.setItem("report-theme", value);
      return localStorage.getItem("report-theme");
    } catch {
      return null; // a page from a file may not remember
    }
  };
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const stored = remembered();
  if (stored === "dark" || stored === "light") root.dataset.theme = stored;

  const wireTheme = () => {
    const button = document.getElementById("theme");
    const name = () => {
      button.textContent = isDark() ? "Light theme" : "Dark theme";
    };
    button.hidden = false;
    button.addEventListener("click", () => {
      root.dataset.theme = isDark() ? "light" : "dark";
      remembered(root.dataset.theme);
      name();
    });
    system.addEventListener("change", name);
    name();
  };

  const letters = new Intl.Collator("en");
  const number = /(\d+(?:\.\d+)?(?:e[+-]?\d+)?)/i;
  const compareTexts = (a, b) => {
    // "delta=0.01" before "delta=0.1", "n_steps=5" before "n_steps=20": every other part is a number.
    const [x, y] = [a.split(number), b.split(number)];
    for (let i = 0; i < Math.min(x.length, y.length); i++) {
      const order = i % 2 ? x[i] - y[i] : letters.compare(x[i], y[i]);
      if (order) return order;
    }
    return x.length - y.length;
  };
  const keyOf = (cell) => {
    const key = cell.dataset.sort;
    if (key === undefined) return cell.textContent;
    return key === "" ? null : Number(key);
  };
  const compare = (a, b) => (typeof a === "number" ? a - b : compareTexts(a, b));

  const sort = (table, index, head) => {
    const direction = head.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
    const sign = direction === "ascending" ? 1 : -1;
    const body = table.tBodies[0];
    const rows = Array.from(body.rows, (row) => ({ row, key: keyOf(row.cells[index]) }));
    rows.sort((a, b) => {
      if (a.key === null || b.key === null) return (a.key === null) - (b.key === null);
      return sign * compare(a.key, b.key);
    });
    body.append(...rows.map(({ row }) => row));
    for (const other of table.tHead.rows[0].cells) {
      if (other.hasAttribute("aria-sort")) other.setAttribute("aria-sort", "none");
    }
    head.setAttribute("aria-sort", direction);
  };

  const wireTables = () => {
    for (const table of document.querySelectorAll("table.sortable")) {
      Array.from(table.tHead.rows[0].cells).forEach((head, index) => {
        if (head.dataset.fixed !== undefined || !head.textContent) return;
        const button = document.createElement("button");
        button.type = "button";
        button.append(...head.childNodes);
        head.append(button);
        head.setAttribute("aria-sort", "none");
        button.addEventListener("click", () => sort(table, index, head));
      });
    }
  };

  const openTarget = () => {
    const target = document.getElementById(location.hash.slice(1));
    if (target instanceof HTMLDetailsElement) {
      target.open = true;
      target.scrollIntoView();
    }
  };

  document.addEventListener("DOMContentLoaded", () => {
    wireTheme();
    wireTables();
    openTarget();
    window.addEventListener("hashchange", openTarget);
    document.addEventListener("click", (event) => {
      // The same link a second time changes no hash.
      const link = event.target.closest?.("a[href^='#']");
      if (link && link.hash === location.hash) openTarget();
    });
  });
})();
