export default class Scan {}
