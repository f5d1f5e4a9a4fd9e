// Draws the charts from the report's data and redraws them when the colour scheme changes.
"use strict";

(() => {
  const report = JSON.parse(document.getElementById("report-data").textContent);
  const byId = (id) => document.getElementById(id);
  const policies = report.policies;
  const reference = policies.findIndex((policy) => policy.name === report.reference);
  const outcomes = [["sdc", "SDC"], ["due", "DUE"], ["benign", "Benign"], ["masked", "Masked"]];
  const charts = new Map();
  const kFewFaults = 100;

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
  const shortened = (text) => (text.length > 22 ? text.slice(0, 21) + "…" : text);
  const places = (total) => Math.max(1, Math.ceil(Math.log10(Math.max(total, 1)) - 1e-9) - 2);
  const percent = (share, total) => (100 * share).toFixed(places(total));
  const withRange = (e) => (e.total === 0 ? "no data" :
    `${percent(e.rate, e.total)} % [${percent(e.interval[0], e.total)}, ${percent(e.interval[1], e.total)}]`);
  const withCount = (e) => `${withRange(e)}, ${e.count} of ${e.total}`;
  const scaled = (e) => (e.total === 0 ? null : 100 * e.rate);
  const error = (e) => (e.total === 0 ? null : { low: 100 * e.interval[0], high: 100 * e.interval[1] });

  // Replaces the chart of a canvas; the height of its box follows `rows` where given.
  function draw(id, config, rows) {
    const canvas = byId(id);
    if (charts.has(id)) charts.get(id).destroy();
    if (rows !== undefined) canvas.parentElement.style.height = `${rows * 30 + 110}px`;
    config.options.responsive = true;
    config.options.maintainAspectRatio = false;
    config.options.animation = false;
    charts.set(id, new Chart(canvas, config));
  }

  const axis = (title, more = {}) => Object.assign({
    title: { display: title !== "", text: title },
    grid: { color: (c) => (c.tick && c.tick.value === 0 ? colour("muted") : colour("grid")), drawBorder: false },
  }, more);
  const categories = (more = {}) => Object.assign({ grid: { display: false, drawBorder: false } }, more);
  const legend = (display) => ({ display, position: "bottom", labels: { usePointStyle: true, boxWidth: 14, boxHeight: 7, padding: 14 } });

  function drawAccuracy() {
    const series = [["fault_free_accuracy", "Fault-free", -0.15, "accent-soft", "rectRot"],
                    ["accuracy", "One fault", 0.15, "accent", "circle"]];
    const datasets = series.map(([key, label, shift, paint, style]) => ({
      label,
      data: policies.map((policy, i) => ({ x: scaled(policy[key]), y: i + shift })),
      errors: policies.map((policy) => error(policy[key])),
      errorAxis: "x", errorColor: colour(paint),
      backgroundColor: colour(paint), borderColor: colour(paint), pointStyle: style, pointRadius: 5, pointHoverRadius: 6,
    }));
    const ends = datasets.flatMap((d) => d.errors).filter(Boolean).flatMap((e) => [e.low, e.high]);
    const low = Math.min(...ends, 100), high = Math.max(...ends, 0);
    const margin = Math.max((high - low) * 0.08, 0.05);
    draw("chart-accuracy", {
      type: "scatter",
      data: { datasets },
      plugins: [errorBars],
      options: {
        plugins: {
          legend: legend(true),
          tooltip: { callbacks: { label: (c) => `${policies[c.dataIndex].name}, ${c.dataset.label.toLowerCase()}: ` +
            withCount(policies[c.dataIndex][series[c.datasetIndex][0]]) } },
        },
        scales: {
          x: axis("Accuracy, %", { suggestedMin: Math.max(0, low - margin), suggestedMax: Math.min(100, high + margin) }),
          y: categories({
            min: -0.5, max: policies.length - 0.5, reverse: true,
            afterBuildTicks: (scale) => { scale.ticks = policies.map((_, i) => ({ value: i })); },
            ticks: { autoSkip: false, callback: (value) => shortened(policies[value].name) },
          }),
        },
      },
    }, policies.length);
  }

  function drawSdc() {
    const rates = policies.map((policy) => policy.outcomes.sdc);
    draw("chart-sdc", {
      type: "bar",
      data: {
        labels: policies.map((policy) => shortened(policy.name)),
        datasets: [{
          label: "SDC", data: rates.map(scaled), errors: rates.map(error), errorAxis: "x", errorColor: colour("text"),
          backgroundColor: colour("sdc"), maxBarThickness: 18,
        }],
      },
      plugins: [errorBars],
      options: {
        indexAxis: "y",
        plugins: {
          legend: legend(false),
          tooltip: { callbacks: { title: (c) => policies[c[0].dataIndex].name, label: (c) => "SDC: " + withCount(rates[c.dataIndex]) } },
        },
        scales: {
          x: axis("SDC, % of faults", { beginAtZero: true, suggestedMax: Math.max(0, ...rates.map(error).filter(Boolean).map((e) => e.high)) }),
          y: categories(),
        },
      },
    }, policies.length);
  }

  function drawCost(id, key, title) {
    const avoided = policies.map((policy) => -100 * policy.sdc_difference.difference);
    const errors = policies.map((policy, i) => (i === reference ? null : {
      low: -100 * policy.sdc_difference.interval[1], high: -100 * policy.sdc_difference.interval[0] }));
    const costs = policies.map((policy) => policy[key]);
    const ends = errors.filter(Boolean).flatMap((e) => [e.low, e.high]).concat(avoided);
    const span = Math.max(0, ...costs) - Math.min(0, ...costs) || 1;
    draw(id, {
      type: "scatter",
      data: { datasets: [{
        data: policies.map((_, i) => ({ x: costs[i], y: avoided[i] })),
        errors, errorAxis: "y", errorColor: colour("accent-soft"),
        pointLabels: policies.map((policy) => shortened(policy.name)), labelColor: colour("text"),
        labelHalo: colour("card"),
        backgroundColor: policies.map((_, i) => colour(i === reference ? "muted" : "accent")),
        borderColor: colour("card"), borderWidth: 1, pointRadius: 5.5, pointHoverRadius: 7,
      }] },
      plugins: [errorBars, pointLabels],
      options: {
        plugins: {
          legend: legend(false),
          tooltip: { callbacks: { label: (c) => {
            const policy = policies[c.dataIndex], difference = policy.sdc_difference;
            const lines = [`${policy.name}: ${policy[key].toFixed(2)} % more`];
            if (c.dataIndex !== reference) {
              lines.push(`SDC avoided: ${avoided[c.dataIndex].toFixed(3)} points ` +
                `[${(-100 * difference.interval[1]).toFixed(3)}, ${(-100 * difference.interval[0]).toFixed(3)}]`);
            }
            return lines;
          } } },
        },
        scales: {
          x: axis(title, { min: Math.min(0, ...costs) - 0.04 * span, max: Math.max(0, ...costs) + 0.08 * span, ticks: { includeBounds: false } }),
          y: axis("SDC avoided, points", { suggestedMin: Math.min(0, ...ends), suggestedMax: Math.max(0, ...ends) }),
        },
      },
    });
  }

  // One bar a cell; stacked outcomes of the chosen policy.
  function drawCells(id, cells, policy, horizontal, title) {
    const shown = byId("show-masked").checked ? outcomes : outcomes.slice(0, 3);
    const of = (cell) => cell.policies[policy].outcomes;
    // Few faults show beside the name: their bars say little.
    const few = (cell) => (horizontal && of(cell).sdc.total < kFewFaults ? ` (n=${of(cell).sdc.total})` : "");
    const labels = cells.map((cell) => shortened(cell.label) + few(cell));
    const share = axis("% of faults", { stacked: true, beginAtZero: true });
    if (byId("show-masked").checked) share.max = 100;
    const names = categories({ stacked: true, title: { display: title !== "", text: title }, ticks: { autoSkip: !horizontal, maxRotation: 0 } });
    draw(id, {
      type: "bar",
      data: { labels, datasets: shown.map(([key, label]) => ({
        label, data: cells.map((cell) => scaled(of(cell)[key])), backgroundColor: colour(key), maxBarThickness: horizontal ? 18 : 34,
      })) },
      options: {
        indexAxis: horizontal ? "y" : "x",
        plugins: {
          legend: Object.assign(legend(true), { onClick: () => {} }),
          tooltip: { callbacks: {
            title: (c) => cells[c[0].dataIndex].label,
            label: (c) => `${shown[c.datasetIndex][1]}: ` + withCount(of(cells[c.dataIndex])[shown[c.datasetIndex][0]]),
          } },
        },
        scales: horizontal ? { x: share, y: names } : { x: names, y: share },
      },
    }, horizontal ? cells.length : undefined);
  }

  function element(tag, text, parent) {
    const made = document.createElement(tag);
    if (text !== undefined) made.textContent = text;
    parent.append(made);
    return made;
  }

  function fillTable(id, heading, caption, cells, policy) {
    const table = byId(id);
    table.replaceChildren();
    element("caption", caption, table);
    const head = element("tr", undefined, element("thead", undefined, table));
    for (const text of [heading, "Faults", ...outcomes.map(([, label]) => label)]) {
      element("th", text, head).scope = "col";
    }
    const body = element("tbody", undefined, table);
    for (const cell of cells) {
      const row = element("tr", undefined, body);
      const name = element("th", undefined, row);
      name.scope = "row";
      element("span", cell.label, name).className = "name";
      const all = cell.policies[policy].outcomes;
      element("td", all.sdc.total + (all.sdc.total < kFewFaults ? " (few)" : ""), row);
      for (const [key] of outcomes) {
        const field = element("td", withRange(all[key]), row);
        element("small", `${all[key].count}`, field);
      }
    }
  }

  const cellsOf = (name) => report.breakdowns[name].cells;
  const structures = [...new Set(cellsOf("bit").map((cell) => cell.group))];

  function drawBreakdowns() {
    const policy = byId("select-policy").selectedIndex;
    const structure = structures[byId("select-structure").selectedIndex];
    const under = `under the policy ${policies[policy].name}: rate, ${100 * report.statistics.confidence} % interval and count`;
    drawCells("chart-layer", cellsOf("layer"), policy, true, "");
    drawCells("chart-structure", cellsOf("structure"), policy, true, "");
    const bits = cellsOf("bit").filter((cell) => cell.group === structure);
    drawCells("chart-bit", bits, policy, false, structure ? `Bit, ${structure}` : "");
    fillTable("table-layer", "Layer", `Outcomes by struck layer ${under}`, cellsOf("layer"), policy);
    fillTable("table-structure", "Structure", `Outcomes by structure ${under}`, cellsOf("structure"), policy);
    fillTable("table-bit", "Bit", `Outcomes by bit of ${structure || "no structure"} ${under}`, bits, policy);
  }

  function drawAll() {
    Chart.defaults.color = colour("muted");
    Chart.defaults.borderColor = colour("grid");
    Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
    Chart.defaults.font.size = 12;
    drawAccuracy();
    drawSdc();
    drawCost("chart-area", "area_percent", "Additional area, %");
    drawCost("chart-cycles", "cycles_percent", "Additional cycles, %");
    drawBreakdowns();
  }

  // The structure whose bits are shown first: the one with most SDC and DUE under the reference, then most
  // changed logits, then most faults.
  function busiestStructure() {
    const counts = structures.map((name) => {
      const all = cellsOf("bit").filter((cell) => cell.group === name).map((cell) => cell.policies[reference].outcomes);
      const sum = (count) => all.reduce((total, cell) => total + count(cell), 0);
      return [sum((c) => c.sdc.count + c.due.count), sum((c) => c.benign.count), sum((c) => c.sdc.total)];
    });
    const more = (a, b) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2];
    return counts.reduce((best, count, i) => (more(count, counts[best]) > 0 ? i : best), 0);
  }

  for (const policy of policies) element("option", policy.name, byId("select-policy"));
  for (const name of structures) element("option", name, byId("select-structure"));
  byId("select-policy").selectedIndex = Math.max(0, reference);
  if (structures.length > 0) byId("select-structure").selectedIndex = busiestStructure();
  for (const id of ["select-policy", "select-structure", "show-masked"]) {
    byId(id).addEventListener("change", drawBreakdowns);
  }
  for (const form of document.querySelectorAll("form")) form.addEventListener("submit", (e) => e.preventDefault());
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  drawAll();
})();
