// An event stream, read from a response's body.

/** The stream, or the network under it, ended before the answer did. */
export class Cut extends Error {}

/** Yields {comment} and {id, data}, as they come. `onBytes` is called for every piece. */
export async function* eventsOf(body, onBytes) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let event = { id: null, data: [] };
  try {
    for (;;) {
      const { done, value } = await reader.read().catch(() => {
        throw new Cut();
      });
      if (done) return;
      onBytes();
      const lines = (rest + value).split("\n");
      rest = lines.pop();
      for (const raw of lines) {
        const line = raw.endsWith("\r") ? raw.slice(0, -1) : raw;
        if (line.startsWith(":")) yield { comment: line.slice(1).trim() };
        else if (line.startsWith("id:")) event.id = line.slice(3).trim();
        else if (line.startsWith("data:")) event.data.push(line.slice(5).replace(/^ /, ""));
        else if (line === "" && event.data.length) {
          yield { id: event.id, data: event.data.join("\n") };
          event = { id: null, data: [] };
        }
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}
