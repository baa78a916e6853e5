// Sorting, tabs and filters. Every page can be read without this file.
"use strict";
document.documentElement.classList.add("js");

document.addEventListener("DOMContentLoaded", () => {
  const SVG = { width: 96 };
  const key = (cell) => (cell.dataset.v ?? cell.textContent).trim();

  function sortBy(header) {
    const table = header.closest("table");
    const column = [...header.parentNode.children].indexOf(header);
    // Ranks and texts read best from the first upwards, amounts from the largest down.
    const first = column < 2 ? "ascending" : "descending";
    const other = first === "ascending" ? "descending" : "ascending";
    const way = header.getAttribute("aria-sort") === first ? other : first;
    for (const th of header.parentNode.children) th.setAttribute("aria-sort", "none");
    header.setAttribute("aria-sort", way);
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row) => [key(row.cells[column]), row]);
    const numeric = rows.every(([v]) => v === "" || !Number.isNaN(Number(v)));
    rows.sort(([a], [b]) => {
      if (a === "" || b === "") return (a === "") - (b === ""); // what is missing stays below
      const order = numeric ? Number(a) - Number(b) : a.localeCompare(b, "en");
      return way === "ascending" ? order : -order;
    });
    body.append(...rows.map(([, row]) => row));
  }

  for (const button of document.querySelectorAll(".board thead button")) {
    button.addEventListener("click", () => sortBy(button.closest("th")));
  }

  const sections = [...document.querySelectorAll("section.tab")];
  if (!sections.length) return;
  const links = [...document.querySelectorAll(".tabs a")];
  const [task, pressure, split] = ["task", "pressure", "split"].map((n) => document.getElementById(`filter-${n}`));
  const said = document.getElementById("filter-said");

  function show(id) {
    if (!sections.some((s) => s.id === id)) return;
    for (const s of sections) s.classList.toggle("current", s.id === id);
    for (const a of links) {
      if (a.hash === `#${id}`) a.setAttribute("aria-current", "true");
      else a.removeAttribute("aria-current");
    }
  }

  function strip(svg, [value, low, high], zero) {
    if (!svg || value === null) return;
    const at = (x) => (SVG.width * Math.min(1, Math.max(0, zero ? (x + 1) / 2 : x))).toFixed(1);
    svg.querySelector("path").setAttribute("d", `M${at(low ?? value)} 6H${at(high ?? value)}`);
    svg.querySelector("circle").setAttribute("cx", at(value));
  }

  function fill(section) {
    const slices = JSON.parse(section.querySelector("script.slices").textContent);
    const found = slices[`${pressure.value}|${split.value}`] ?? {};
    let count = 0;
    for (const row of section.querySelectorAll("tbody tr")) {
      const given = found[row.id];
      row.hidden = !given;
      if (!given) continue;
      count += 1;
      const [rank, value, n, lift, kind, ...numbers] = given;
      const [low, high] = rank.split("–").map(Number);
      const set = (selector, text, sort) => {
        const cell = row.querySelector(selector);
        (cell.querySelector("a, .lift, .count") ?? cell).textContent = text;
        cell.dataset.v = sort ?? "";
        return cell;
      };
      set(".rank", rank, low * 1000 + (high ?? low));
      strip(set(".value", value, numbers[0]).querySelector("svg"), numbers.slice(0, 3), false);
      set(".n", n, n.match(/\((\d+)\)/)[1]);
      const cell = set(".delta", lift, numbers[3]);
      cell.querySelector(".lift").className = `lift ${kind}`;
      strip(cell.querySelector("svg"), numbers.slice(3), true);
    }
    return count;
  }

  function apply() {
    for (const a of links) a.parentNode.hidden = task.value !== "all" && a.parentNode.dataset.task !== task.value;
    const current = sections.find((s) => s.classList.contains("current"));
    if (task.value !== "all" && current.dataset.task !== task.value) {
      show(sections.find((s) => s.dataset.task === task.value).id);
    }
    sections.forEach(fill);
    const shown = sections.find((s) => s.classList.contains("current"));
    const rows = shown.querySelectorAll("tbody tr:not([hidden])").length;
    const all = [pressure, split].every((f) => f.value === "all");
    said.textContent = all && task.value === "all" ? "" : `${rows} rows; rank, value, lift and n are those of this choice.`;
  }

  function follow() {
    const target = document.getElementById(location.hash.slice(1));
    const section = target?.closest("section.tab");
    if (section) show(section.id);
  }

  for (const filter of [task, pressure, split]) filter.addEventListener("change", apply);
  for (const a of links) a.addEventListener("click", () => show(a.hash.slice(1)));
  window.addEventListener("hashchange", follow);
  follow();
  // A browser may keep a choice over a reload.
  if ([task, pressure, split].some((f) => f.value !== "all")) apply();
});
