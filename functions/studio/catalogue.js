// WaveSpeed's models from the API. Every model passes `modelOf` or `summaryOf` when it arrives, so that all other modules
// read fields of known types. The texts are WaveSpeed's.
import * as api from "./api.js";

export const PAGE_SIZE = 50;
const TYPES = ["string", "integer", "number", "boolean", "json"];
const MEDIA = ["image", "video", "audio", "file"];

const text = (value) => (typeof value === "string" ? value : "");
const number = (value) => (Number.isFinite(value) ? value : null);
const list = (value) => (Array.isArray(value) ? value : []);
const record = (value) => (typeof value === "object" && value !== null && !Array.isArray(value) ? value : {});
const isChoice = (value) => ["string", "number", "boolean"].includes(typeof value);

function summaryOf(value) {
  const model = record(value);
  return {
    id: text(model.id), name: text(model.name) || text(model.id), type: text(model.type), description: text(model.description),
    price: number(model.base_price_micro_usd), problem: text(model.problem),
  };
}

function fieldOf(value) {
  const field = record(value);
  return {
    name: text(field.name), label: text(field.label) || text(field.name).replaceAll("_", " "), description: text(field.description),
    type: TYPES.includes(field.type) ? field.type : "json", media: MEDIA.includes(field.media) ? field.media : "",
    required: field.required === true, isList: field.is_list === true, isLong: field.is_long === true, isAdvanced: field.is_advanced === true,
    initial: field.default ?? null, choices: list(field.choices).filter(isChoice),
    minimum: number(field.minimum), maximum: number(field.maximum), step: number(field.step),
    minItems: number(field.min_items), maxItems: number(field.max_items),
  };
}

/** A page of models that match, the number of all, and the kinds of models. */
export async function find({ text: words, type, page }) {
  const search = new URLSearchParams({ limit: PAGE_SIZE, page });
  if (words) search.set("text", words);
  if (type) search.set("type", type);
  const found = record(await api.get(`v1/models?${search}`));
  return { models: list(found.models).map(summaryOf), total: number(found.total) ?? 0, types: list(found.types).map(text) };
}

/** A model with the fields of its input. */
export async function one(id) {
  const model = await api.get(`v1/models/${id.split("/").map(encodeURIComponent).join("/")}`);
  return { ...summaryOf(model), fields: list(record(model).fields).map(fieldOf).filter(({ name }) => name) };
}
