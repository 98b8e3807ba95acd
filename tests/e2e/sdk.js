// Runs the official WaveSpeed JavaScript SDK, unmodified, against a deployment; prints the results.
// Called by test_sdks.py with DARKROOM_URL, DARKROOM_KEY and PICTURE in the environment.
const { Client } = require("wavespeed");

const baseUrl = process.env.DARKROOM_URL;
const client = new Client(process.env.DARKROOM_KEY, { baseUrl });
const unauthorized = new Client("dk_unknown", { baseUrl });
const TEXT = "openai/gpt-image-2/text-to-image";
const EDIT = "openai/gpt-image-2/edit";
const quick = { pollInterval: 0.3, timeout: 90 };

const summary = ({ outputs, detail }) => ({
  outputs,
  status: detail.status,
  taskId: detail.taskId,
  error: detail.error && detail.error.message,
});
const errorMessage = (promise) => promise.then(() => null, (error) => error.message);

(async () => {
  const lowQuality = (prompt) => ({ prompt, quality: "low", resolution: "1k" });
  const url = await client.upload(process.env.PICTURE);
  const [run, edit, runNoThrow, failed, moderated, badEnum, badKey] = await Promise.all([
    client.run(TEXT, lowQuality("A kite, by JavaScript"), quick),
    client.run(EDIT, { ...lowQuality("A bluer kite, by JavaScript"), images: [url] }, quick),
    client.runNoThrow(TEXT, lowQuality("A boat, by JavaScript"), quick),
    client.runNoThrow(TEXT, lowQuality('[[fault run.failed code=1403 message="out of paint"]]'), quick),
    client.runNoThrow(TEXT, lowQuality("[[fault run.moderated]]"), quick),
    errorMessage(client.run(TEXT, { prompt: "x", quality: "ultra" }, quick)),
    errorMessage(unauthorized.run(TEXT, { prompt: "x" }, quick)),
  ]);
  console.log(JSON.stringify({
    url,
    run,
    edit,
    runNoThrow: summary(runNoThrow),
    failed: summary(failed),
    moderated: summary(moderated),
    badEnum,
    badKey,
  }));
})();
