// The batches of the API, with fields of known types.
import * as api from "./api.js";
import { list, number, record, text, time, url } from "./jobs.js";

const STATUSES = ["waiting", "queued", "running", "completed", "failed", "canceled", "bad"];
const SPREADSHEET = /\.(xlsx?|xlsm|xlsb|ods|numbers)$/i;
const TYPES = [[/\.(csv|tsv|txt)$/i, "text/csv"], [/\.(jsonl|ndjson|json)$/i, "application/x-ndjson"]];
const STATUS_LABELS = new Map([["running", "Running"], ["canceling", "Canceling"], ["completed", "Completed"], ["canceled", "Canceled"], ["failed", "Failed"]]);
const MAX_BYTES = 32_000_000;

export const isOpen = (batch) => batch.ended_at === null;
export const statusLabel = ({ status }) => STATUS_LABELS.get(status) ?? status;

const problemOf = (value) => {
  const problem = record(value);
  return { row: number(problem.row), line: number(problem.line), message: text(problem.message) };
};

const previewOf = (value) => {
  const preview = record(value);
  return { row: number(preview.row), id: text(preview.id), model: text(preview.model), input: record(preview.input), references: list(preview.references).map(text) };
};

const columnOf = (value) => {
  const column = record(value);
  return { name: text(column.name), field: text(column.field), in_prompt: column.in_prompt === true, samples: list(column.samples).map(text) };
};

const zipOf = (value) => {
  const zip = record(value);
  return { filename: text(zip.filename), files: number(zip.files) ?? 0, bytes: number(zip.bytes) ?? 0, url: url(zip.url) };
};

function batchOf(value) {
  const batch = record(value);
  const [progress, results] = [record(batch.progress), record(batch.results)];
  return {
    batch_id: text(batch.batch_id), name: text(batch.name), caller: text(batch.caller), status: text(batch.status),
    rows: number(batch.rows) ?? 0, bad_rows: number(batch.bad_rows) ?? 0, unpriced_rows: number(batch.unpriced_rows) ?? 0,
    estimated_cost_micro_usd: number(batch.estimated_cost_micro_usd) ?? 0, spent_micro_usd: number(batch.spent_micro_usd) ?? 0,
    uncertain_micro_usd: number(batch.uncertain_micro_usd) ?? 0, eta_seconds: number(batch.eta_seconds),
    errors: list(batch.errors).map(problemOf), warnings: list(batch.warnings).map(text),
    preview: list(batch.preview).map(previewOf), columns: list(batch.columns).map(columnOf),
    progress: Object.fromEntries(STATUSES.map((status) => [status, number(progress[status]) ?? 0])),
    csv_url: url(results.csv_url), jsonl_url: url(results.jsonl_url), zips: list(batch.zips).map(zipOf),
    zips_requested_at: time(batch.zips_requested_at),
    created_at: time(batch.created_at), canceled_at: time(batch.canceled_at), ended_at: time(batch.ended_at),
  };
}

const resultOf = (value) => {
  const result = record(value);
  return {
    row: number(result.row), id: text(result.id), status: text(result.status), job_id: text(result.job_id),
    message: text(result.message), request: result.request ? record(result.request) : null,
  };
};

export async function page(search) {
  const { batches, cursor } = await api.get(`v1/batches?${search}`);
  return { batches: list(batches).map(batchOf), cursor };
}

export const get = async (id, { wait, ...options } = {}) => batchOf(await api.get(`v1/batches/${id}${wait ? `?wait=${wait}` : ""}`, options));
export const plan = async (request, options) => batchOf(await api.post("v1/batches", { ...request, dry_run: true }, options));
export const start = async (request, options) => batchOf(await api.post("v1/batches", request, options));
export const cancel = async (id) => batchOf(await api.remove(`v1/batches/${id}`));
export const zip = async (id) => batchOf(await api.post(`v1/batches/${id}/zips`));

/** The results of an ended batch, row by row. */
export async function results({ jsonl_url: location }) {
  const response = await fetch(location);
  if (!response.ok) throw new Error(`The results could not be read: HTTP ${response.status}. Reload the page.`);
  return (await response.text()).split("\n").filter(Boolean).map((line) => resultOf(JSON.parse(line)));
}

/** Upload a batch file. Returns its reference. Throws an Error with the reason why the file cannot be used. */
export async function upload(file) {
  if (SPREADSHEET.test(file.name)) throw new Error(`${file.name} is a workbook. Save the sheet as CSV (in Excel: CSV UTF-8), and choose that file.`);
  const type = TYPES.find(([pattern]) => pattern.test(file.name))?.[1];
  if (!type) throw new Error(`${file.name} is not a batch file. Use CSV or JSONL.`);
  if (!file.size) throw new Error(`${file.name} is empty.`);
  if (file.size > MAX_BYTES) throw new Error(`${file.name} is ${Math.ceil(file.size / 100_000) / 10} MB; the limit is ${MAX_BYTES / 1e6} MB.`);
  // Browsers name the type of a CSV file after the program that is installed for it.
  return api.upload(new File([file], file.name, { type }));
}
