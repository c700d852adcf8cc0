// Draws the API's own description, /openapi.json, and lets a person try each call.

const find = (selector, root = document) => root.querySelector(selector);
const spec = await (await fetch("/openapi.json")).json();

function make(tag, text = "", properties = {}) {
  return Object.assign(document.createElement(tag), { textContent: text }, properties);
}

function resolve(schema = {}) {
  if (schema.$ref) return resolve(spec.components.schemas[schema.$ref.split("/").pop()]);
  return schema;
}

function example(schema, depth = 0) {
  const found = resolve(schema);
  if (found.examples) return found.examples[0];
  if ("default" in found) return found.default;
  if (depth > 4) return null;
  if (found.anyOf) return example(found.anyOf[0], depth + 1);
  if (found.type === "array") return [example(found.items, depth + 1)];
  if (found.type === "object" || found.properties) {
    const entries = Object.entries(found.properties ?? {});
    return Object.fromEntries(entries.map(([key, value]) => [key, example(value, depth + 1)]));
  }
  return { string: "", integer: 0, number: 0, boolean: false }[found.type] ?? null;
}

function field(name, note, input, required) {
  const label = make("label");
  label.append(make("span", name, { className: required ? "required" : "" }), input);
  if (note) label.append(make("small", note));
  return label;
}

function drawFields(operation, box) {
  for (const parameter of operation.parameters ?? []) {
    const value = parameter.schema?.default ?? "";
    const input = make("input", "", { name: parameter.name, required: parameter.required, value });
    input.dataset.place = parameter.in;
    input.dataset.usual = value;
    box.append(field(parameter.name, parameter.description, input, parameter.required));
  }
  const body = operation.requestBody?.content?.["application/json"];
  if (body) {
    const value = JSON.stringify(body.example ?? example(body.schema), null, 2);
    const input = make("textarea", "", { name: "body", value, spellcheck: false });
    input.dataset.place = "body";
    box.append(field("body", resolve(body.schema).description, input, true));
  }
}

function request(method, path, form) {
  const query = new URLSearchParams();
  const headers = {};
  let url = path;
  let body;
  for (const input of form.querySelectorAll("[data-place]")) {
    const { place, usual } = input.dataset;
    if (place === "path") url = url.replace(`{${input.name}}`, encodeURIComponent(input.value));
    if (place === "query" && input.value !== usual) query.set(input.name, input.value);
    if (place === "body") body = input.value;
  }
  if (query.size) url += `?${query}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (find("#token").value) headers.Authorization = `Bearer ${find("#token").value}`;
  return { url, method, headers, body };
}

const quote = (text) => `'${text.replaceAll("'", "'\\''")}'`;

function curl({ url, method, headers, body }) {
  const words = ["curl", method === "GET" ? "" : `-X ${method}`, quote(location.origin + url)];
  if (headers.Authorization) words.push('-H "Authorization: Bearer $SIDEKICK_TOKEN"');
  if (body !== undefined) words.push("-H 'Content-Type: application/json'", "-d", quote(body));
  return words.filter(Boolean).join(" ");
}

async function showStream(response, answer) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    answer.textContent = (answer.textContent + part.value).slice(-100_000);
    answer.scrollTop = answer.scrollHeight;
  }
}

async function send(call, box) {
  const [status, answer, stop] = [".status", ".answer", ".stop"].map((name) => find(name, box));
  const abort = new AbortController();
  stop.onclick = () => abort.abort();
  status.textContent = "Waiting…";
  answer.textContent = "";
  answer.hidden = stop.hidden = false;
  try {
    const response = await fetch(call.url, { ...call, signal: abort.signal });
    status.textContent = `${response.status} ${response.statusText}`;
    status.classList.toggle("failed", !response.ok);
    if (response.headers.get("content-type")?.startsWith("text/event-stream")) {
      await showStream(response, answer);
    } else {
      const text = await response.text();
      try {
        answer.textContent = JSON.stringify(JSON.parse(text), null, 2);
      } catch {
        answer.textContent = text;
      }
    }
  } catch (error) {
    status.textContent = abort.signal.aborted ? "Stopped." : String(error);
  }
  stop.hidden = true;
}

function drawOperation(path, method, operation) {
  const box = find("#operation").content.cloneNode(true).firstElementChild;
  const form = find("form", box);
  find(".method", box).textContent = method;
  find(".path", box).textContent = path;
  find(".title", box).textContent = operation.summary;
  find(".text", box).textContent = operation.description ?? "";
  drawFields(operation, find(".fields", box));
  const showCurl = () => { find(".curl", box).textContent = curl(request(method, path, form)); };
  form.addEventListener("input", showCurl);
  box.addEventListener("toggle", showCurl);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(request(method, path, form), box);
  });
  const good = Object.entries(operation.responses).find(([status]) => status.startsWith("2"));
  const shape = good?.[1].content?.["application/json"]?.schema;
  if (shape?.$ref) {
    find(".shape", box).hidden = false;
    find(".shape pre", box).textContent = JSON.stringify(example(shape), null, 2);
  }
  return box;
}

find("#version").textContent = spec.info.version;
find("#description").textContent = spec.info.description;
const sections = new Map();
for (const [path, methods] of Object.entries(spec.paths)) {
  for (const [method, operation] of Object.entries(methods)) {
    const tag = operation.tags?.[0] ?? "other";
    if (!sections.has(tag)) sections.set(tag, [make("h2", tag)]);
    sections.get(tag).push(drawOperation(path, method.toUpperCase(), operation));
  }
}
find("#operations").replaceChildren(...[...sections.values()].flat());
