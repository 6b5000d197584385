/** The server does not answer: whoever asked need not try again at once. */
export class NoAnswer extends Error {}
