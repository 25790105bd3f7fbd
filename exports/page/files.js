// The files of the page's folder, and errors that the reader sees.

/** An error whose message tells the reader the reason and a remedy. */
export class PageError extends Error {}

/** The server's response for a file in the folder of the page. */
export async function read(name) {
  const answer = await fetch(name).catch(() => null);
  if (answer?.ok) return answer;
  const why = answer ? `the server responds with status ${answer.status}` : "the server does not respond";
  throw new PageError(`The file ${name} cannot be read: ${why}. Load the page again, or export it again.`);
}
