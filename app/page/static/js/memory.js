// What outlives a reload of this tab: the conversation, the settings, and the answer under way.

const TALK = "millrace.talk";
const WISHES = "millrace.wishes";

function read(name, otherwise) {
  try {
    return JSON.parse(sessionStorage.getItem(name)) ?? otherwise;
  } catch {
    return otherwise;
  }
}

function write(name, value) {
  try {
    sessionStorage.setItem(name, JSON.stringify(value));
  } catch {
    // Too large, with its pictures, or not allowed: then it lasts as long as the page.
  }
}

export const rememberedTalk = () => read(TALK, { turns: [], open: null });
export const rememberTalk = (turns, open) => write(TALK, { turns, open });
export const rememberedWishes = () => read(WISHES, {});
export const rememberWishes = (wishes) => write(WISHES, wishes);
