// The provider's official JavaScript SDK, unmodified, against a deployment. Prints what it got.
// Called by test_sdks.py with DARKROOM_URL, DARKROOM_KEY and PICTURE in the environment.
const { Client } = require("wavespeed");

const baseUrl = process.env.DARKROOM_URL;
const client = new Client(process.env.DARKROOM_KEY, { baseUrl });
const stranger = new Client("dk_nobody", { baseUrl });
const TEXT = "openai/gpt-image-2/text-to-image";
const EDIT = "openai/gpt-image-2/edit";
const quick = { pollInterval: 0.3, timeout: 90 };

const plain = ({ outputs, detail }) => ({
  outputs,
  status: detail.status,
  taskId: detail.taskId,
  error: detail.error && detail.error.message,
});
const thrown = (promise) => promise.then(() => null, (error) => error.message);

(async () => {
  const small = (prompt) => ({ prompt, quality: "low", resolution: "1k" });
  const url = await client.upload(process.env.PICTURE);
  const [run, edit, runNoThrow, failed, moderated, badEnum, badKey] = await Promise.all([
    client.run(TEXT, small("A kite, by JavaScript"), quick),
    client.run(EDIT, { ...small("A bluer kite, by JavaScript"), images: [url] }, quick),
    client.runNoThrow(TEXT, small("A boat, by JavaScript"), quick),
    client.runNoThrow(TEXT, small('[[fault run.failed code=1403 message="out of paint"]]'), quick),
    client.runNoThrow(TEXT, small("[[fault run.moderated]]"), quick),
    thrown(client.run(TEXT, { prompt: "x", quality: "ultra" }, quick)),
    thrown(stranger.run(TEXT, { prompt: "x" }, quick)),
  ]);
  console.log(JSON.stringify({
    url,
    run,
    edit,
    runNoThrow: plain(runNoThrow),
    failed: plain(failed),
    moderated: plain(moderated),
    badEnum,
    badKey,
  }));
})();
