"use strict";
(() => {
  const tip = document.getElementById("tip");
  const panel = document.getElementById("selection");
  const all = document.querySelector("#section-trials table.trials");
  const names = all ? [...all.tHead.rows[0].cells].map((cell) => cell.textContent) : [];
  const rows = new Map();
  if (all) for (const row of all.tBodies[0].rows) rows.set(row.dataset.key, row);
  const marks = new Map();
  for (const mark of document.querySelectorAll("[data-key]")) {
    const key = mark.dataset.key;
    if (!marks.has(key)) marks.set(key, []);
    marks.get(key).push(mark);
  }
  const selected = new Set();

  // What the table has of a trial, a line for each cell that is not empty.
  function tell(key) {
    const row = rows.get(key);
    const lines = [];
    if (row) {
      [...row.cells].forEach((cell, column) => {
        if (column > 0 && cell.textContent) lines.push(names[column] + ": " + cell.textContent);
      });
    }
    return lines;
  }

  function show(event) {
    const mark = event.target.closest("svg [data-key]");
    if (!mark) {
      tip.hidden = true;
      return;
    }
    const head = document.createElement("b");
    head.textContent = "trial " + mark.dataset.key;
    tip.replaceChildren(head);
    for (const line of tell(mark.dataset.key).slice(0, 14)) {
      const part = document.createElement("div");
      part.textContent = line;
      tip.append(part);
    }
    tip.hidden = false;
    const { width, height } = tip.getBoundingClientRect();
    const left = event.clientX + 14 + width > innerWidth ? event.clientX - 14 - width : event.clientX + 14;
    const top = event.clientY + 14 + height > innerHeight ? event.clientY - 14 - height : event.clientY + 14;
    tip.style.left = Math.max(0, left) + "px";
    tip.style.top = Math.max(0, top) + "px";
  }

  function toggle(key) {
    const on = !selected.has(key);
    if (on) selected.add(key);
    else selected.delete(key);
    for (const mark of marks.get(key) || []) {
      mark.classList.toggle("on", on);
      if (mark.tagName === "TR") mark.setAttribute("aria-selected", on);
      // What is selected lies over the rest.
      else if (on && mark.parentNode.lastElementChild !== mark) mark.parentNode.append(mark);
    }
    tellSelection();
  }

  function tellSelection() {
    document.body.classList.toggle("selecting", selected.size > 0);
    panel.hidden = selected.size === 0;
    if (panel.hidden) return;
    const clear = document.createElement("button");
    clear.textContent = "Clear";
    clear.onclick = clearSelection;
    panel.replaceChildren();
    for (const key of [...selected].sort((a, b) => a - b).slice(0, 8)) {
      const line = document.createElement("div");
      line.textContent = "trial " + key + " — " + tell(key).join(", ");
      panel.append(line);
    }
    const count = document.createElement("span");
    count.textContent = selected.size + " selected (Esc clears)";
    panel.append(count, clear);
  }

  function clearSelection() {
    for (const key of [...selected]) toggle(key);
  }

  function sortBy(head) {
    const column = head.cellIndex;
    const body = head.closest("table").tBodies[0];
    const down = head.getAttribute("aria-sort") === "ascending";
    for (const other of head.parentNode.cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const value = (row) => row.cells[column].textContent;
    const compare = (a, b) => {
      const [x, y] = [value(a), value(b)];
      // Rows without a value stand last whichever way.
      if (!x || !y) return (x ? 0 : 1) - (y ? 0 : 1);
      const [m, n] = [parseFloat(x), parseFloat(y)];
      const order = Number.isNaN(m) || Number.isNaN(n) ? x.localeCompare(y) : m - n;
      return down ? -order : order;
    };
    body.append(...[...body.rows].sort(compare));
  }

  document.addEventListener("pointermove", show);
  document.addEventListener("click", (event) => {
    const head = event.target.closest(".trials th");
    if (head) return sortBy(head);
    const mark = event.target.closest("[data-key]");
    if (mark && !String(getSelection())) toggle(mark.dataset.key);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") return clearSelection();
    if (event.key !== "Enter" && event.key !== " ") return;
    const at = event.target;
    if (at.matches("tr[data-key]")) toggle(at.dataset.key);
    else if (at.matches(".trials th")) sortBy(at);
    else return;
    event.preventDefault();
  });
  for (const head of document.querySelectorAll(".trials th")) head.tabIndex = 0;
})();
