/* What Gradio's components lack: names for screen readers, a slider that keys move, pasting, words
   on a server that went away, and a phone that moves to what has come. */
(() => {
  "use strict";

  const STEP = 0.05; // share of the picture that an arrow key moves the slider
  const NEAR = 4; // pixels from the left edge that count as there
  const TRIES = 10; // moves of the slider to one place

  const GRIP = 20; // pixels from the middle of the slider's grip to its side
  const LOST = "undegrade-lost"; // that the server went away, kept while the page is loaded anew

  const byId = (id) => document.getElementById(id);

  function once(element, mark) {
    if (!element || element.dataset[mark]) return false;
    element.dataset[mark] = "yes";
    return true;
  }

  function nameChooser() {
    const button = document.querySelector("#photo button.upload-container, #photo button[aria-dropeffect]");
    if (once(button, "named")) {
      button.setAttribute("aria-label", "Choose a photo; or drop or paste one");
      const input = button.querySelector("input[type=file]");
      if (input) input.accept = "image/*,.heic,.heif,.avif,.tif,.tiff";
    }
  }

  function nameLiveRegions() {
    for (const [id, role] of [["status", "status"], ["seen", "status"]]) {
      const region = byId(id);
      if (!once(region, "live")) continue;
      region.setAttribute("role", role);
      region.setAttribute("aria-live", "polite");
      region.setAttribute("aria-atomic", "true");
    }
    const main = document.querySelector("main");
    if (main && !main.hasAttribute("aria-label")) main.setAttribute("aria-label", "Restore a photo");
  }

  function nameFields() {
    for (const set of document.querySelectorAll("fieldset:not([aria-label])")) {
      const info = set.querySelector("[data-testid=block-info]");
      if (info) set.setAttribute("aria-label", info.textContent.trim());
    }
    for (const box of document.querySelectorAll("textarea:not([aria-label])")) {
      const info = box.closest("label")?.querySelector("[data-testid=block-info]");
      if (info) box.setAttribute("aria-label", info.textContent.trim());
    }
    for (const box of document.querySelectorAll("#command textarea:disabled")) {
      box.disabled = false; // a disabled one can be neither focused nor selected
      box.readOnly = true;
    }
    for (const fold of document.querySelectorAll("button.label-wrap")) {
      const open = String(fold.classList.contains("open"));
      if (fold.getAttribute("aria-expanded") !== open) fold.setAttribute("aria-expanded", open);
    }
    for (const area of document.querySelectorAll("input[type=range]:not([data-told])")) {
      area.dataset.told = "yes";
      const name = (area.getAttribute("aria-label") || "").replace(/^range slider for /, "");
      if (name) area.setAttribute("aria-label", name);
    }
  }

  function describePictures() {
    for (const icon of document.querySelectorAll("svg:not([aria-hidden])")) icon.setAttribute("aria-hidden", "true");
    const texts = { before: ["Your photo"], compare: ["Before", "After"], detail: ["Part before", "Part after"] };
    for (const [id, names] of Object.entries(texts)) {
      document.querySelectorAll(`#${id} img`).forEach((img, index) => {
        if (!img.alt) img.alt = names[Math.min(index, names.length - 1)];
      });
    }
    for (const img of document.querySelectorAll(".example img[alt$=icon]")) img.alt = ""; // its text says it
    document.querySelectorAll("#variants .thumbnail-item img").forEach((img, index) => {
      if (!img.alt) img.alt = `Variant ${index + 1}`;
    });
  }

  /* Gradio's slider hears a mouse alone; arrow keys are told to it as one that drags. */
  function keySliders() {
    for (const handle of document.querySelectorAll("#compare [data-testid=slider], #detail [data-testid=slider]")) {
      if (!once(handle, "keys")) continue;
      const set = (name, value) => handle.setAttribute(name, value);
      set("role", "slider");
      set("tabindex", "0");
      set("aria-label", "How much of the photo before is seen");
      set("aria-valuemin", "0");
      set("aria-valuemax", "100");
      set("aria-valuenow", "50"); // where it stands at first
      tellPlace(handle);
      new MutationObserver(() => tellPlace(handle)).observe(handle, { attributeFilter: ["style"] });
      handle.addEventListener("keydown", (event) => onKey(event, handle));
    }
  }

  function placeOf(handle) {
    const line = handle.querySelector(".inner") || handle;
    const box = line.getBoundingClientRect();
    const frame = frameOf(handle);
    return { x: box.left + box.width / 2, y: box.top + box.height / 2, frame };
  }

  function imageOf(handle) {
    return handle.parentElement.querySelector("img");
  }

  function frameOf(handle) {
    return imageOf(handle).getBoundingClientRect();
  }

  /* Before its picture has come, Gradio's slider takes every place for 0. */
  function isReady(handle) {
    return imageOf(handle).naturalWidth > 0 && frameOf(handle).width > 0;
  }

  function tellPlace(handle) {
    if (!isReady(handle)) return;
    const { x, frame } = placeOf(handle);
    const share = Math.min(Math.max((x - frame.left) / frame.width, 0), 1);
    handle.setAttribute("aria-valuenow", String(Math.round(share * 100)));
    handle.dataset.edge = share < GRIP / frame.width ? "left" : share > 1 - GRIP / frame.width ? "right" : "none";
    handle.setAttribute("aria-valuetext", `${Math.round(share * 100)} % before`);
  }

  function onKey(event, handle) {
    const { x, y, frame } = placeOf(handle);
    const step = frame.width * STEP;
    const target = {
      ArrowLeft: x - step,
      ArrowDown: x - step,
      ArrowRight: x + step,
      ArrowUp: x + step,
      Home: frame.left,
      End: frame.right,
    }[event.key];
    if (target === undefined) return;
    event.preventDefault();
    if (!isReady(handle)) return;
    moveTo(handle, Math.min(Math.max(target, frame.left), frame.right), TRIES);
  }

  /* Gradio's slider knows its width some time after its picture has come, and goes to 0 before. */
  function moveTo(handle, to, tries) {
    clearTimeout(handle.moving);
    const { x, y } = placeOf(handle);
    const grip = handle.querySelector(".icon-wrap") || handle;
    const mouse = (kind, where, at) =>
      at.dispatchEvent(new MouseEvent(kind, { view: window, bubbles: true, cancelable: true, clientX: where, clientY: y, button: 0 }));
    mouse("mousedown", x, grip);
    mouse("mousemove", to, window);
    mouse("mouseup", to, window);
    handle.moving = setTimeout(() => {
      const now = placeOf(handle);
      const isLost = now.x - now.frame.left < NEAR && to - now.frame.left > NEAR;
      if (tries > 0 && isLost) moveTo(handle, to, tries - 1);
    }, 100);
  }

  function pasted(event) {
    const file = [...(event.clipboardData?.files || [])].find((one) => one.type.startsWith("image/") || /\.(heic|heif|avif|tiff?)$/i.test(one.name));
    if (!file) return;
    event.preventDefault();
    hand(file, 20);
  }

  /* A photo may be dropped anywhere; what the browser were to open instead would take the page's place. */
  function dragged(event) {
    if (!event.dataTransfer?.types.includes("Files") || isForEmptyChooser(event)) return;
    event.preventDefault();
    event.stopPropagation(); // a filled chooser would have it moved among its files
    event.dataTransfer.dropEffect = "copy";
  }
  function dropped(event) {
    const file = event.dataTransfer?.files[0];
    if (!file || isForEmptyChooser(event)) return;
    event.preventDefault();
    event.stopPropagation();
    hand(file, 20);
  }
  function isForEmptyChooser(event) {
    return event.target.closest?.("#photo button") && document.querySelector("#photo input[type=file]");
  }

  /* Gradio leaves a list open over the page when the focus moves on. */
  function left(event) {
    const box = event.target;
    setTimeout(() => { // after what Gradio does about it
      const isOpen = box.getAttribute?.("role") === "combobox" && box.getAttribute("aria-expanded") === "true";
      if (isOpen && document.activeElement !== box) box.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true }));
    }, 50);
  }

  /* Give a file to the chooser; one that is filled has to be emptied before. */
  function hand(file, tries) {
    const input = document.querySelector("#photo input[type=file]");
    if (!input) {
      const clear = document.querySelector("#photo button[aria-label=Clear], #photo button[aria-label='Remove this file']");
      if (clear && tries === 20) clear.click();
      if (tries > 0) setTimeout(() => hand(file, tries - 1), 50);
      return;
    }
    const files = new DataTransfer();
    files.items.add(file);
    input.files = files.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  }

  /* Gradio loads a page anew when the server is back, without its photo. */
  function tellOfLoss() {
    const root = document.documentElement;
    const lost = [...document.querySelectorAll("[data-testid=toast-body]")].some((one) => one.textContent.includes("Connection to the server was lost"));
    if (lost && !root.dataset.lost) {
      root.dataset.lost = "yes";
      sessionStorage.setItem(LOST, "yes");
      note("The server does not answer any more. As soon as it does this page is loaded anew, without its photo.");
    } else if (!lost && !root.dataset.lost && sessionStorage.getItem(LOST) && byId("top")) {
      sessionStorage.removeItem(LOST);
      note("The server was away, and the page was loaded anew. Choose the photo again.");
    } else if (!root.dataset.lost && byId("status")?.querySelector("p")) {
      byId("notice")?.remove();
    }
  }

  function note(text) {
    const line = document.createElement("p");
    line.id = "notice";
    line.className = "message problem";
    line.setAttribute("role", "alert");
    byId("top").after(line);
    line.textContent = text;
  }

  /* On a phone all stands in one column: what has just come may lie far below. */
  const COMING = [["#progress progress", "center"], ["#status .problem", "center"], ["#results", "start"]];
  const there = new Set();
  function followOnPhones() {
    for (const [what, block] of COMING) {
      const found = document.querySelector(what);
      const seen = found !== null && found.offsetParent !== null;
      if (seen && !there.has(what) && matchMedia("(max-width: 760px)").matches) {
        const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
        found.scrollIntoView({ block, behavior: calm ? "auto" : "smooth" });
      }
      if (seen) there.add(what);
      else there.delete(what);
    }
  }

  /* A click on the compared pictures has the part around it shown, where parts are. */
  let pressed = { x: 0, y: 0 };
  function aimed(event) {
    const moved = Math.hypot(event.clientX - pressed.x, event.clientY - pressed.y);
    const shown = event.target.closest?.("#compare")?.querySelector("img");
    const button = byId("look");
    if (!shown || !button || button.offsetParent === null || moved > 4) return;
    if (event.target.closest("button, [data-testid=slider]")) return;
    const box = shown.getBoundingClientRect();
    const across = (event.clientX - box.left) / box.width;
    const down = (event.clientY - box.top) / box.height;
    if (Math.min(across, down) < 0 || Math.max(across, down) > 1) return;
    for (const [id, share] of [["across", across], ["down", down]]) {
      const field = document.querySelector(`#${id} input[type=number]`);
      field.value = String(Math.round(100 * share));
      field.dispatchEvent(new Event("input", { bubbles: true }));
    }
    setTimeout(() => button.click(), 100); // when Gradio has taken the numbers
  }

  function look() {
    nameChooser();
    nameLiveRegions();
    nameFields();
    describePictures();
    keySliders();
    tellOfLoss();
    followOnPhones();
  }

  let waiting = false;
  function soon() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      look();
    });
  }

  document.documentElement.lang = "en";
  document.addEventListener("paste", pasted);
  document.addEventListener("dragover", dragged, true);
  document.addEventListener("drop", dropped, true);
  document.addEventListener("focusout", left);
  document.addEventListener("pointerdown", (event) => (pressed = { x: event.clientX, y: event.clientY }), true);
  document.addEventListener("click", aimed);
  document.addEventListener("DOMContentLoaded", look);
  new MutationObserver(soon).observe(document.documentElement, { childList: true, subtree: true, attributeFilter: ["class", "disabled"] });
})();
