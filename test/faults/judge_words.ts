/**
 * What the stand-in of the judge's endpoint is asked, and what it answers.
 *
 * @module
 */

/** Instructions as AURORA's, of its five subsets' kinds. */
export const ACTIONS: readonly string[] = [
  "let the man wear a red scarf",
  "make the cake have candles on it",
  "the person closes the door and picks up the bag",
  "move the cup from the table to the shelf",
  "pushing a small box from left to right so that it almost falls off the table",
  "take one of the two pens away",
  "place the mug to the left of the chair",
  "put the remote under the blue armchair",
  "rotate the gray object clockwise by ninety degrees",
  "the yellow shoe moves further away from the camera",
  "remove two of the toy cars that stand near the wall",
  "could we have a sunset behind the bridge instead of the clouds?",
];

/** What a judge says of a picture. */
export const REASONS: readonly string[] = [
  "The second image is identical to the first, so the action was not carried out at all.",
  "The scarf appears in the right place and has the right colour, but the man's face has been changed slightly.",
  "The cup now stands on the shelf as requested. The rest of the scene, including the lighting, looks the same.",
  "The object was moved, although in the wrong direction; the background is mostly preserved with some blur around the edges.",
  "The mug is placed to the left of the chair as asked, and nothing else seems to have changed in the image.",
  "There is no visible rotation of the gray object, and a second object that was not there before has appeared beside it.",
  "One pen was removed. The hand that was holding it now has an unnatural shape, and the texture of the table is different.",
  "The door is half closed, which is only part of the action, and the person has not picked up the bag. The room is unchanged.",
];

/** An answer of the judge. */
export function answerText(reason: number, success: number, minimal: number): string {
  return JSON.stringify({ reasoning: REASONS[reason], editing_success: success, minimal_editing: minimal });
}
