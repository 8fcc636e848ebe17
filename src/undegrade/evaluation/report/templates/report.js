"use strict";
(() => {
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const clamp = (value) => Math.min(100, Math.max(0, value));

  // Tables: the head of each column becomes a button that sorts by it.
  const valueOf = (row, column) => row.cells[column].dataset.value;

  const compare = (one, other) => {
    const numbers = [Number(one), Number(other)];
    const known = numbers.map((number) => !Number.isNaN(number));
    return known[0] && known[1] ? numbers[0] - numbers[1] : one.localeCompare(other);
  };

  const sortTable = (table, column, descending) => {
    const body = table.tBodies[0];
    const rows = [...body.rows];
    const missing = (row) => valueOf(row, column) === "nan";
    rows.sort((one, other) => {
      if (missing(one) || missing(other)) return missing(one) - missing(other);
      const order = compare(valueOf(one, column), valueOf(other, column));
      return descending ? -order : order;
    });
    body.append(...rows);
  };

  for (const table of all("table.sortable")) {
    const heads = all("thead th", table);
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const now = head.getAttribute("aria-sort");
        const first = head.dataset.better === "up" ? "descending" : "ascending";
        const other = { ascending: "descending", descending: "ascending" };
        const next = now ? other[now] : first;
        heads.forEach((one) => one.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", next);
        sortTable(table, column, next === "descending");
      });
    });
  }

  // Tables that are wider than their place say so, as scrollbars are often hidden.
  const told = new ResizeObserver((entries) => {
    for (const { target } of entries) target.classList.toggle("wider", target.scrollWidth > target.clientWidth + 1);
  });
  for (const scroll of all(".scroll")) told.observe(scroll);

  // Comparisons: one table for each candidate to compare with, all made beforehand; one is shown.
  for (const compared of all(".compared")) {
    const choices = all(".choice", compared);
    const reference = compared.querySelector(".reference");
    if (!reference) continue;
    const show = () => {
      choices.forEach((choice, place) => {
        choice.hidden = place !== Number(reference.value);
        if (choice.tagName === "DETAILS") choice.open = true;
      });
    };
    reference.addEventListener("change", show);
    compared.querySelector(".controls").hidden = false;
    compared.classList.add("chosen");
    show();
  }

  // Sliders: two lines over three pictures; each can be dragged, or moved by its range input.
  for (const stage of all(".stage")) {
    const ranges = stage.parentElement.querySelector(".ranges");
    const inputs = { a: ranges.querySelector(".a"), b: ranges.querySelector(".b") };
    const show = () => {
      for (const name of ["a", "b"]) {
        stage.style.setProperty(`--${name}`, inputs[name].value);
        inputs[name].setAttribute("aria-valuetext", `${inputs[name].value} %`);
      }
    };
    const move = (name, value) => {
      inputs[name].value = clamp(value);
      const [a, b] = [Number(inputs.a.value), Number(inputs.b.value)];
      if (a > b) inputs[name === "a" ? "b" : "a"].value = inputs[name].value;
      show();
    };
    for (const name of ["a", "b"]) {
      inputs[name].addEventListener("input", () => move(name, Number(inputs[name].value)));
    }
    let held = null;
    const share = (event) => {
      const edges = stage.getBoundingClientRect();
      return (100 * (event.clientX - edges.left)) / edges.width;
    };
    const nearest = (place) => {
      const [a, b] = [Number(inputs.a.value), Number(inputs.b.value)];
      return a === b ? (place < a ? "a" : "b") : Math.abs(place - a) <= Math.abs(place - b) ? "a" : "b";
    };
    stage.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      held = nearest(share(event));
      stage.setPointerCapture(event.pointerId);
      move(held, share(event));
    });
    stage.addEventListener("pointermove", (event) => {
      if (held) move(held, share(event));
    });
    for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
      stage.addEventListener(end, () => { held = null; });
    }
    ranges.hidden = false;
    show();
  }

  // The gallery: what stands in the middle, which set, and the order.
  const form = document.querySelector("form.controls");
  if (!form) return;
  const facts = JSON.parse(document.getElementById("gains").textContent);
  const items = all(".item");
  const place = items[0].parentElement;
  const [middle, only, measure, count] = ["middle", "only", "measure", "count"].map((id) => document.getElementById(id));

  const gainOf = (item) => {
    const option = middle.selectedOptions[0];
    const model = option.dataset.model || option.value;
    const known = facts[Number(item.dataset.item)].gains[model];
    return known && measure.value in known ? known[measure.value] : null;
  };

  const worded = (gain) => {
    const { digits, unit } = measure.selectedOptions[0].dataset;
    const number = `${measure.value} ${Math.abs(gain).toFixed(Number(digits))} ${unit}`.trim();
    return `${number} ${gain < 0 ? "worse" : "better"} than the input`;
  };

  const update = () => {
    const best = form.elements.order.value === "best";
    const gains = new Map(items.map((item) => [item, gainOf(item)]));
    const sorted = [...items].sort((one, other) => {
      const [first, second] = [gains.get(one), gains.get(other)];
      if (first === null || second === null) return (first === null) - (second === null);
      return best ? second - first : first - second;
    });
    place.append(...sorted);
    let shown = 0;
    for (const item of items) {
      item.hidden = only.value !== "" && facts[Number(item.dataset.item)].set !== Number(only.value);
      shown += !item.hidden;
      const views = all(".middle", item);
      const chosen = views.find((view) => view.dataset.show === middle.value) || views[0];
      for (const view of views) view.hidden = view !== chosen;
      item.querySelector(".second").textContent = chosen.dataset.tag;
      item.querySelector(".between").textContent = chosen.dataset.name;
      const gain = gains.get(item);
      item.querySelector(".gain").textContent = gain === null ? "gain not known" : worded(gain);
    }
    count.textContent = `${shown} of ${items.length} pictures`;
  };

  form.addEventListener("change", update);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  update();
})();
