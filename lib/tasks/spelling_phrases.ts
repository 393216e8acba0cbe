import type { PythonRandom } from "../random/mod.ts";

/** Ways to ask for a word's letters. `{word}` stands for the word. */
export const SPELL_PHRASES: readonly string[] = [
  // English
  "Spell {word}.",
  "How do you spell {word}?",
  "Please spell out {word} for me.",
  "Write {word} one letter at a time.",
  "Which letters make up {word}?",
  "Break {word} into its letters.",
  "What is the spelling of {word}?",
  "List the letters of {word} in order.",
  "Say {word} letter by letter.",
  "{word}, letter by letter, please.",
  "I forgot how {word} is spelled. Can you help?",
  "Take {word} apart into single letters.",
  // Spanish
  "¿Cómo se deletrea {word}?",
  "Deletrea {word}, por favor.",
  // French
  "Comment s'épelle {word} ?",
  "Peux-tu épeler {word} ?",
  // German
  "Wie buchstabiert man {word}?",
  "Bitte buchstabiere {word}.",
  // Italian
  "Come si scrive {word}, lettera per lettera?",
  // Portuguese
  "Como se soletra {word}?",
  // Dutch
  "Hoe spel je {word}?",
  // Polish
  "Przeliteruj {word}.",
  // Russian
  "Произнеси {word} по буквам.",
  // Turkish
  "{word} nasıl hecelenir, harf harf yaz.",
  // Chinese
  "请逐个字母拼出{word}。",
  // Japanese
  "{word}のつづりを一文字ずつ書いてください。",
  // Korean
  "{word}의 철자를 하나씩 써 주세요.",
];

/** Ways to ask how often a letter is in a word. `{word}` and `{letter}` stand for them. */
export const COUNT_PHRASES: readonly string[] = [
  // English
  "How often does the letter {letter} show up in {word}?",
  "Please count every {letter} in the word {word}.",
  "Look at the word {word}. How many {letter} can you find?",
  "I need to know how many times {letter} is used in {word}.",
  "If I write {word}, how often do I write {letter}?",
  "{word}: how many {letter}?",
  "Is there a {letter} in {word}, and how many of them?",
  "The letter is {letter}, the word is {word}. What is the count?",
  "Take {word} and tell me how many of its letters are {letter}.",
  "How many times do you need {letter} to spell {word}?",
  "Find each {letter} in {word} and give me the total.",
  "Quick question: how many {letter} in {word}?",
  "Going through {word} letter by letter, how many are {letter}?",
  "My friend says {word} has a lot of {letter}. How many exactly?",
  "Count {letter} in {word}.",
  "How many of the letters in {word} are {letter}?",
  "Does {word} contain {letter}? How many times?",
  "What number of {letter} would you see in {word}?",
  // Spanish
  "¿Cuántas veces se usa la letra {letter} al escribir {word}?",
  "Dime el número de letras {letter} de la palabra {word}.",
  // French
  "Combien de lettres {letter} y a-t-il dans le mot {word} ?",
  "Peux-tu compter les {letter} du mot {word} ?",
  // German
  "Wie häufig steht der Buchstabe {letter} im Wort {word}?",
  "Bitte zähle, wie viele {letter} das Wort {word} enthält.",
  // Italian
  "Quante volte compare la lettera {letter} in {word}?",
  "Conta le {letter} nella parola {word}.",
  // Portuguese
  "Quantas vezes a letra {letter} aparece em {word}?",
  // Dutch
  "Hoe vaak komt de letter {letter} voor in {word}?",
  // Polish
  "Ile razy litera {letter} występuje w słowie {word}?",
  // Russian
  "Сколько раз буква {letter} встречается в слове {word}?",
  // Turkish
  "{word} kelimesinde kaç tane {letter} harfi var?",
  // Chinese
  "单词{word}里字母{letter}出现了几次？",
  // Japanese
  "{word}という単語に{letter}は何回使われていますか？",
  // Korean
  "{word}라는 단어에 글자 {letter}가 몇 번 쓰였나요?",
];

const QUOTES = ["", "'", '"'];

/**
 * Asks in one of the phrases, sometimes in haste (small letters, no mark at the end), with the
 * word and the letter sometimes in quotes.
 */
export function ask(
  random: PythonRandom,
  phrases: readonly string[],
  values: Record<string, string>,
): string {
  let phrase = random.choice(phrases);
  if (random.random() < 0.25) phrase = phrase.toLowerCase();
  if (random.random() < 0.25) phrase = phrase.replace(/ ?[.?。？]$/, "");
  for (const [name, value] of Object.entries(values)) {
    const quote = random.choice(QUOTES);
    phrase = phrase.replace(`{${name}}`, quote + value + quote);
  }
  return phrase;
}
